// expect: undetected
// hardened: undetected
// A freed block is read: what is there is the old contents or zeroes, and nothing of the
// allocator's.
#include "wrong.h"

int main(void) {
    char *blocks[4];
    allocate(blocks, 4, 64);
    for (size_t i = 0; i < 4; i++)
        memset(blocks[i], 42, 64);
    free_every(blocks, 4, 1);
    volatile char *block = named(blocks[1]);
    for (size_t i = 0; i < 64; i++)
        CHECK(block[i] == 42 || block[i] == 0, "byte %zu is %d", i, block[i]);
    return 0;
}
