// expect: abort not a block's address: ADDRESS: behind the last block of a slab of 48-byte blocks
// hardened: abort not a block's address: ADDRESS
// The bytes at the end of a slab that are too few for a block.
#include "wrong.h"

int main(void) {
    static char *blocks[3000];
    allocate(blocks, 3000, 48);
    char *unit = (char *)((uintptr_t)blocks[1500] & ~(uintptr_t)65535);
    free(named(unit + 65536 - 16));
    malloc_trim(0);
    return 0;
}
