// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// A field of a null pointer.
#include "wrong.h"

int main(void) {
    free(named((void *)(uintptr_t)8));
    return 0;
}
