// expect: abort not a block's address: ADDRESS: 16 bytes into block
// hardened: abort not a block's address: ADDRESS
// A pointer into a small block: noticed when it leaves the cache.
#include "wrong.h"

int main(void) {
    char *blocks[3];
    allocate(blocks, 3, 64);
    free(named(blocks[1] + 16));
    malloc_trim(0);
    return 0;
}
