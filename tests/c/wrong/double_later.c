// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// Freed again after a thousand others, and then all of them again: noticed when a block leaves the
// cache the second time.
#include "wrong.h"

int main(void) {
    static char *blocks[2000];
    allocate(blocks, 2000, 64);
    free_every(blocks, 2000, 1);
    free(named(blocks[700]));
    free_every(blocks, 2000, 1);
    return 0;
}
