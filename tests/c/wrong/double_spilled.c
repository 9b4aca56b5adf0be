// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// Freed again when the first copy has gone back to the slab, which has other blocks in use.
#include "wrong.h"

int main(void) {
    static char *blocks[4000];
    allocate(blocks, 4000, 64);
    free_every(blocks, 4000, 2);
    free(named(blocks[0]));
    malloc_trim(0);
    return 0;
}
