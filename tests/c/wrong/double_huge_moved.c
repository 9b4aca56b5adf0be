// expect: abort double free of ADDRESS: a huge block
// hardened: abort double free of ADDRESS
// The old address is freed after `realloc` moved a huge block.
#include "wrong.h"

int main(void) {
    char *block = malloc(5 * MIB), *beside = malloc(5 * MIB);
    char *moved = realloc(opaque(block), 200 * MIB);
    CHECK(moved != NULL);
    if (moved == block)
        return NOT_HERE;
    free(named(block));
    free(beside);
    return 0;
}
