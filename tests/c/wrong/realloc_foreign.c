// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// `realloc` of a pointer into the stack.
#include "wrong.h"

int main(void) {
    char local[64] = "";
    CHECK(realloc(named(local), 200) != NULL);
    return 0;
}
