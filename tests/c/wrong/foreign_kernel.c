// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// An address of the kernel's half.
#include "wrong.h"

int main(void) {
    free(named((void *)(uintptr_t)0xFFFF800000001000));
    return 0;
}
