// expect: abort not a block's address: ADDRESS: 16 bytes into block
// hardened: abort not a block's address: ADDRESS
// A pointer into another thread's small block: noticed at once.
#include "wrong.h"

static void *work(void *block) {
    free(named((char *)block + 16));
    return NULL;
}

int main(void) {
    in_thread(work, malloc(64));
    return 0;
}
