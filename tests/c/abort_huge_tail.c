// expect: abort hakmem: free of a pointer that is not ours
// A pointer into a huge block behind its first unit, of which nothing is known.
#include "check.h"

int main(void) {
    char *block = malloc(5 * MIB);
    free(opaque(block + 3 * MIB));
    return 0;
}
