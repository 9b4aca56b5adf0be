// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// A block of a thread that has ended is freed twice by another.
#include "wrong.h"

static void *work(void *block) {
    allocate(block, 2, 64);
    return NULL;
}

int main(void) {
    char *blocks[2];
    in_thread(work, blocks);
    free(blocks[0]);
    free(named(blocks[0]));
    malloc_trim(0);
    return 0;
}
