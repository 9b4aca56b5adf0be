// expect: abort hakmem: free of a pointer into a block
// A pointer to a later unit of a span.
#include "check.h"

int main(void) {
    char *block = malloc(300000);
    free(opaque(block + 2 * 65536));
    return 0;
}
