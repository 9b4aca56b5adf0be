// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// Memory from `sbrk`, where another allocator may keep its blocks.
#include "wrong.h"

int main(void) {
    char *memory = sbrk(4096);
    CHECK(memory != (void *)-1);
    free(named(memory + 64));
    return 0;
}
