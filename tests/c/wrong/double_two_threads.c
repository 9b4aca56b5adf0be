// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// Two threads, one after the other, free the same block of a third.
#include "wrong.h"

static void *work(void *block) {
    free(malloc(100));
    free(opaque(block));
    return NULL;
}

int main(void) {
    char *blocks[100];
    allocate(blocks, 100, 64);
    named(blocks[50]);
    in_thread(work, blocks[50]);
    in_thread(work, blocks[50]);
    return 0;
}
