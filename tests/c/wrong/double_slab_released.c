// expect: abort double free of ADDRESS: a slab of 64-byte blocks
// hardened: abort double free of ADDRESS
// Freed again when its slab is no slab any more.
#include "wrong.h"

int main(void) {
    static char *blocks[40000];
    allocate(blocks, 40000, 64);
    free_every(blocks, 40000, 1);
    free(named(blocks[20000]));
    return 0;
}
