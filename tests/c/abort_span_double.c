// expect: abort hakmem: free of a pointer that is not ours
// A span that was freed is nobody's.
#include "check.h"

int main(void) {
    char *block = malloc(300000);
    free(block);
    free(opaque(block));
    return 0;
}
