// expect: abort not a block's address: ADDRESS: 16 bytes into block
// hardened: abort not a block's address: ADDRESS
// `realloc` of a pointer into a block moves what is there, and frees the pointer.
#include "wrong.h"

int main(void) {
    char *blocks[3];
    allocate(blocks, 3, 64);
    CHECK(realloc(named(blocks[1] + 16), 400) != NULL);
    malloc_trim(0);
    return 0;
}
