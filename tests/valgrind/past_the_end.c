// Reads of the first byte behind a block: where the size class has room, where it has not, and of
// a huge block.
// report: ERROR SUMMARY: 3 errors
// report: Invalid read of size 1
// report: is 0 bytes after a block of size 100 alloc'd
// report: is 0 bytes after a block of size 128 alloc'd
// report: is 0 bytes after a block of size 2,097,152 alloc'd
#include "../c/check.h"

static int look(size_t size) {
    volatile char *block = opaque(calloc(1, size));
    int sum = block[size - 1];
    sum += block[size];
    free((void *)block);
    return sum;
}

int main(void) {
    int sum = look(100);
    sum += look(128);
    sum += look(2 * MIB);
    return sum & 0;
}
