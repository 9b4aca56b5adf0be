// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// Another thread frees the block twice: noticed at the latest when that thread ends.
#include "wrong.h"

static void *work(void *block) {
    free(malloc(100));
    free(block);
    free(named(block));
    return NULL;
}

int main(void) {
    in_thread(work, malloc(64));
    return 0;
}
