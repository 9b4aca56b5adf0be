// expect: undetected
// hardened: abort double free of ADDRESS: block
// The block freed last is freed again; it is in the cache twice, and stays there.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    free(block);
    free(named(block));
    return 0;
}
