// expect: abort hakmem: free of a pointer into a block
// A pointer into the first unit of a huge block.
#include "check.h"

int main(void) {
    char *block = malloc(5 * MIB);
    free(opaque(block + 4096));
    return 0;
}
