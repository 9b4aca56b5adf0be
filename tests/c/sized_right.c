// Sized frees that are right: whatever the request was, however the block came to be, the size that
// was asked for is accepted.
#include "check.h"

static const size_t SIZES[] = {0,      1,      15,     16,      17,      24,       100,    120,
                               1000,   1016,   1024,   4096,    32760,   32768,    32769,  65536,
                               65537,  300000, 917504, 917505,  983040,  1048576,  1048577, 5000000};

int main(void) {
    CHECK(free_sized && free_aligned_sized);
    for (unsigned i = 0; i < COUNT(SIZES); i++) {
        size_t size = SIZES[i];
        free_sized(malloc(size), size);
        free_sized(calloc(1, size), size);
        for (unsigned k = 0; size != 0 && k < COUNT(SIZES); k++)
            free_sized(realloc(malloc(SIZES[k]), size), size);
        for (size_t align = 1; align <= 4 << 20; align *= 2)
            free_aligned_sized(aligned_alloc(align, size), align, size);
    }
    free_sized(NULL, 100);
    free_aligned_sized(NULL, 64, 100);
    return 0;
}
