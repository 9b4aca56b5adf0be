// expect: abort not a block's address: ADDRESS: a span of
// hardened: abort not a block's address: ADDRESS
// `malloc_usable_size` of a freed span.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000);
    free(block);
    CHECK(malloc_usable_size(named(block)) != 1);
    return 0;
}
