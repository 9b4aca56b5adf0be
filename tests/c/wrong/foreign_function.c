// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// The address of a function.
#include "wrong.h"

static void nothing(void) {}

int main(void) {
    free(named((void *)(uintptr_t)nothing));
    return 0;
}
