// expect: undetected
// hardened: abort freed with a wrong size: ADDRESS
// `free_aligned_sized` with another size and alignment.
#include "wrong.h"

int main(void) {
    if (!free_aligned_sized)
        return NOT_HERE;
    char *block = aligned_alloc(256, 512);
    free_aligned_sized(named(block), 16, 64);
    malloc_trim(0);
    return 0;
}
