// expect: undetected
// hardened: abort written after free: ADDRESS: block
// The old address is written after `realloc` moved the block.
#include "wrong.h"

int main(void) {
    char *block = malloc(64), *beside = malloc(64);
    char *moved = realloc(opaque(block), 4000);
    CHECK(moved != NULL);
    if (moved == block)
        return NOT_HERE;
    *(volatile char *)(named(block) + 8) = 1;
    churn(64);
    free(beside);
    return 0;
}
