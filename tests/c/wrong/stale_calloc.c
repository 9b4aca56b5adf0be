// expect: undetected
// hardened: abort written after free: ADDRESS: block
// A freed block is written; `calloc` clears what it hands out.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    free(block);
    *(volatile char *)(named(block) + 8) = 1;
    char *zeroed = calloc(1, 64);
    CHECK(first_nonzero(zeroed, 64) == 64);
    churn(64);
    return 0;
}
