// expect: undetected
// hardened: abort written after free: ADDRESS: block
// A freed block is written when it may be another's: that one is corrupted.
#include "wrong.h"

int main(void) {
    // With a live block beside it, what is freed is held, and not the next one handed out.
    char *block = malloc(64), *beside = malloc(64);
    free(block);
    char *other = malloc(64);
    memset(other, 0, 64);
    *(volatile char *)named(block) = 1;
    free(other);
    churn(64);
    free(beside);
    return 0;
}
