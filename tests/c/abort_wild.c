// expect: abort hakmem: free of a pointer that is not ours
// An address that no process has: nothing looks there.
#include "check.h"

int main(void) {
    free(opaque((void *)(uintptr_t)0xDEAD00000000BEE0));
    return 0;
}
