// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// The owner and another thread free the same block: noticed when both frees have reached the slab.
#include "wrong.h"

static void *work(void *block) {
    free(opaque(block));
    return NULL;
}

int main(void) {
    static char *blocks[2000];
    allocate(blocks, 2000, 64);
    in_thread(work, blocks[1000]);
    named(blocks[1000]);
    free_every(blocks, 2000, 1);
    malloc_trim(0);
    return 0;
}
