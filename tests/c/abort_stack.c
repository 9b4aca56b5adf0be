// expect: abort hakmem: free of a pointer that is not ours
// A pointer into the stack.
#include "check.h"

int main(void) {
    char local[64];
    free(malloc(1));
    free(opaque(local));
    return 0;
}
