// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// Freed again while the first copy is in the cache, with others between.
#include "wrong.h"

int main(void) {
    char *blocks[3];
    allocate(blocks, 3, 200);
    free_every(blocks, 3, 1);
    free(named(blocks[0]));
    malloc_trim(0);
    return 0;
}
