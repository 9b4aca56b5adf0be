// Memory that was free for a while loses its pages, and `calloc` finds zeroes where it believes so.
#include "check.h"

// Four to a SuperSlab of 2 MiB; one of four stays.
enum { N = 128, SIZE = 512 << 10 };

// In MiB.
static size_t resident_mib(void) {
    return resident() / MIB;
}

int main(void) {
    static char *blocks[N];
    for (int i = 0; i < N; i++) {
        blocks[i] = malloc(SIZE);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 0xA5, SIZE);
    }
    size_t before = resident_mib();
    CHECK(before >= 60, "%zu MiB", before);
    for (int i = 0; i < N; i++)
        if (i % 4 != 0)
            free(blocks[i]);
    // Releases drive the clock. Half of what is free is enough to know that it works.
    int rounds = 0;
    while (resident_mib() > before / 2) {
        for (int i = 0; i < 100; i++)
            free(malloc(100 * KIB));
        usleep(20000);
        CHECK(++rounds < 1500, "%zu MiB of %zu are still resident", resident_mib(), before);
    }
    for (int i = 0; i < N; i++) {
        if (i % 4 == 0)
            continue;
        // Of all lengths: runs of units of which some are known to be zero and some are not.
        size_t size = (size_t)(i % 16 + 1) * 64 * KIB;
        blocks[i] = calloc(1, size);
        CHECK(blocks[i] != NULL && first_nonzero(blocks[i], size) == size, "block %d", i);
        memset(blocks[i], 0x5A, size);
    }
    for (int i = 0; i < N; i += 4)
        CHECK((unsigned char)blocks[i][SIZE - 1] == 0xA5, "block %d was in use", i);
    return 0;
}
