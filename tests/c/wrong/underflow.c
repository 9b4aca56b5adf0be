// expect: undetected
// hardened: abort overflow
// The byte before a block is overwritten, which may be another's last; both are freed later.
#include "wrong.h"

int main(void) {
    static char *blocks[4000];
    allocate(blocks, 4000, 64);
    // Of a slab that is full, and not its first block.
    char *block = blocks[(uintptr_t)blocks[0] % 65536 == 0];
    named(block)[-1] ^= 1;
    free_every(blocks, 4000, 1);
    return 0;
}
