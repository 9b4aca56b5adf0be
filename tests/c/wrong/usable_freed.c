// expect: undetected
// hardened: undetected
// `malloc_usable_size` of a freed block.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    free(block);
    CHECK(malloc_usable_size(named(block)) != 1);
    return 0;
}
