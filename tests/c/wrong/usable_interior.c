// expect: undetected
// hardened: undetected
// `malloc_usable_size` of a pointer into a block.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    CHECK(malloc_usable_size(named(block + 16)) != 1);
    return 0;
}
