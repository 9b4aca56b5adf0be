// expect: abort double free of ADDRESS
// hardened: abort double free of ADDRESS
// Freed again when the system has its whole SuperSlab.
#include "wrong.h"

int main(void) {
    static char *blocks[80000];
    allocate(blocks, 80000, 64);
    free_every(blocks, 80000, 1);
    malloc_trim(0);
    if (is_mapped(blocks[60000]))
        return NOT_HERE;
    free(named(blocks[60000]));
    return 0;
}
