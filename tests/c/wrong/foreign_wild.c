// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// An address that no process has: nothing looks there.
#include "wrong.h"

int main(void) {
    free(named((void *)(uintptr_t)0xDEAD00000000BEE0));
    return 0;
}
