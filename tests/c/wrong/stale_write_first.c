// expect: undetected
// hardened: abort written after free: ADDRESS: block
// The first word of a freed block is written, where other allocators keep a link.
#include "wrong.h"

int main(void) {
    char *blocks[3];
    allocate(blocks, 3, 64);
    free_every(blocks, 3, 1);
    memset(named(blocks[1]), 0x41, 8);
    churn(64);
    return 0;
}
