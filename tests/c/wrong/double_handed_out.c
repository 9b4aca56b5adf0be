// expect: undetected
// hardened: abort double free of ADDRESS
// Freed twice with another between; then two requests get the same block.
#include "wrong.h"

int main(void) {
    char *block = malloc(64), *other = malloc(64), *again[3];
    free(block);
    free(other);
    free(named(block));
    allocate(again, 3, 64);
    return 0;
}
