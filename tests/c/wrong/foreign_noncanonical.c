// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// The first address above those of programs.
#include "wrong.h"

int main(void) {
    free(named((void *)((uintptr_t)1 << 47)));
    return 0;
}
