// expect: undetected
// hardened: abort double free of ADDRESS
// One copy goes back to the slab when the cache spills, the other is handed out before it could.
#include "wrong.h"

int main(void) {
    static char *blocks[4000], *again[4000];
    allocate(blocks, 4000, 64);
    free(blocks[2000]);
    free_every(blocks, 2000, 1);
    free(named(blocks[2000]));
    free_every(blocks + 2001, 1500, 1);
    allocate(again, 4000, 64);
    return 0;
}
