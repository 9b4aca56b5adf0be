// expect: abort hakmem: free of a pointer that is not ours
// A huge block that was freed is nobody's.
#include "check.h"

int main(void) {
    char *block = malloc(5 * MIB);
    free(block);
    free(opaque(block));
    return 0;
}
