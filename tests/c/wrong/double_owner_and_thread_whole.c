// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// The owner and another thread free the same block, and the owner all others of its slab, and of those
// before it: noticed before the slab, which looks empty, is given up.
#include "wrong.h"

static void *work(void *block) {
    free(opaque(block));
    return NULL;
}

int main(void) {
    static char *blocks[8000];
    allocate(blocks, 8000, 64);
    in_thread(work, named(blocks[3000]));
    free_every(blocks, 8000, 1);
    malloc_trim(0);
    return 0;
}
