// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// `malloc_usable_size` of a static.
#include "wrong.h"

static char data[64];

int main(void) {
    CHECK(malloc_usable_size(named(data)) != 1);
    return 0;
}
