// expect: abort not a block's address: ADDRESS: 3145728 bytes into a huge block
// hardened: abort not a block's address: ADDRESS
// A pointer into a huge block behind its first unit, which has no tag.
#include "wrong.h"

int main(void) {
    char *block = malloc(5 * MIB);
    free(named(block + 3 * MIB));
    return 0;
}
