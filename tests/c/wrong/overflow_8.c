// expect: undetected
// hardened: abort overflow of ADDRESS: block
// 8 bytes behind a block are overwritten, which may be another's first; both are freed later.
#include "wrong.h"

int main(void) {
    char *blocks[64];
    allocate(blocks, 64, 64);
    memset(named(blocks[31]) + malloc_usable_size(blocks[31]), 0xA5, 8);
    free_every(blocks, 64, 1);
    return 0;
}
