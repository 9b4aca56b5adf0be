// expect: abort not a block's address: ADDRESS: 4096 bytes into a huge block
// hardened: abort not a block's address: ADDRESS
// A pointer into the first unit of a huge block.
#include "wrong.h"

int main(void) {
    char *block = malloc(5 * MIB);
    free(named(block + 4096));
    return 0;
}
