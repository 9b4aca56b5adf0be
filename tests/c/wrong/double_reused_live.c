// expect: undetected
// hardened: abort double free of ADDRESS
// A stale free of a block that is somebody else's by now: the free of a live block.
#include "wrong.h"

int main(void) {
    char *block = malloc(64), *beside = malloc(64);
    free(block);
    char *other = malloc(64);
    free(named(block));
    other[0] = 1;
    free(beside);
    return 0;
}
