// expect: abort hakmem: free of a pointer into a block
// A pointer into the first unit of a span.
#include "check.h"

int main(void) {
    char *block = malloc(300000);
    free(opaque(block + 16));
    return 0;
}
