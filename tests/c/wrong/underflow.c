// expect: undetected
// hardened: abort overflow
// The byte before a block is overwritten, which may be another's last; both are freed later.
#include "wrong.h"

int main(void) {
    char *blocks[64];
    allocate(blocks, 64, 64);
    named(blocks[31])[-1] = 1;
    free_every(blocks, 64, 1);
    return 0;
}
