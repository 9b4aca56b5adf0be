// expect: undetected
// hardened: abort written after free: ADDRESS: block
// A freed block is written.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    free(block);
    *(volatile char *)(named(block) + 8) = 1;
    churn(64);
    return 0;
}
