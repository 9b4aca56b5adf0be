// expect: abort double free of ADDRESS: a span
// hardened: abort double free of ADDRESS
// A span is freed twice.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000);
    free(block);
    free(named(block));
    return 0;
}
