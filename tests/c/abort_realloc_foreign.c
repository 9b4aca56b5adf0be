// expect: abort hakmem: free of a pointer that is not ours
// `realloc` of a pointer into the stack.
#include "check.h"

int main(void) {
    char local[64] = "";
    return realloc(opaque(local), 200) == NULL;
}
