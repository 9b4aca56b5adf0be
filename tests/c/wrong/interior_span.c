// expect: abort not a block's address: ADDRESS: 16 bytes into a span
// hardened: abort not a block's address: ADDRESS
// A pointer into the first unit of a span.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000);
    free(named(block + 16));
    return 0;
}
