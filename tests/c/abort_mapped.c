// expect: abort hakmem: free of a pointer that is not ours
// Memory that the program mapped itself.
#include "check.h"
#include <sys/mman.h>

int main(void) {
    void *mapped = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    free(malloc(3 * MIB));
    free(opaque(mapped));
    return 0;
}
