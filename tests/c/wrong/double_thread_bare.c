// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// A thread without a heap of its own frees the block twice: noticed at once.
#include "wrong.h"

static void *work(void *block) {
    free(block);
    free(named(block));
    return NULL;
}

int main(void) {
    in_thread(work, malloc(64));
    return 0;
}
