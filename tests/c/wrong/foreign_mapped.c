// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// Memory that the program mapped itself.
#include "wrong.h"

int main(void) {
    void *mapped = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    free(malloc(3 * MIB));
    free(named(mapped));
    return 0;
}
