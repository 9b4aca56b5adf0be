// The second free of a block.
// report: ERROR SUMMARY: 1 errors
// report: Invalid free() / delete / delete[] / realloc()
// report: is 0 bytes inside a block of size 48 free'd
#include "../c/check.h"

int main(void) {
    void *block = opaque(malloc(48));
    free(block);
    free(block);
    return 0;
}
