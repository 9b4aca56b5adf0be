// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// An address that was mapped once, by the program.
#include "wrong.h"

int main(void) {
    void *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED && munmap(mapped, 4096) == 0);
    free(named(mapped));
    return 0;
}
