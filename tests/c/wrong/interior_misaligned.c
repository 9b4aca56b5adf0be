// expect: abort not a block's address: ADDRESS: 1 bytes into block
// hardened: abort not a block's address: ADDRESS
// A pointer to the second byte of a block.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    free(named(block + 1));
    malloc_trim(0);
    return 0;
}
