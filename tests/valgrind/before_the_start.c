// A write to the byte before a block: the last forbidden one behind its neighbour.
// report: ERROR SUMMARY: 1 errors
// report: Invalid write of size 1
// report: is 15 bytes after a block of size 64 alloc'd
#include "../c/check.h"

int main(void) {
    // The first one may lie at the start of a mapping.
    void *first = opaque(malloc(64));
    volatile char *block = opaque(malloc(64));
    block[-1] = 1;
    free((void *)block);
    free(first);
    return 0;
}
