// A read of a block that was freed.
// report: ERROR SUMMARY: 1 errors
// report: Invalid read of size 1
// report: is 5 bytes inside a block of size 100 free'd
#include "../c/check.h"

int main(void) {
    char *block = opaque(calloc(1, 100));
    free(block);
    return ((volatile char *)block)[5];
}
