// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// A pointer into the stack.
#include "wrong.h"

int main(void) {
    char local[64];
    free(malloc(1));
    free(named(local));
    return 0;
}
