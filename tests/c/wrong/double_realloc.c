// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// The old address is freed after `realloc` moved the block.
#include "wrong.h"

int main(void) {
    char *block = malloc(64), *beside = malloc(64);
    char *moved = realloc(opaque(block), 4000);
    CHECK(moved != NULL);
    if (moved == block)
        return NOT_HERE;
    free(named(block));
    malloc_trim(0);
    free(beside);
    return 0;
}
