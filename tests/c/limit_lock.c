// Under mlockall every mapping is made resident at once: what is only reserved costs memory, and
// mappings beyond the limit are refused.
#include "check.h"
#include <sys/mman.h>
#include <sys/resource.h>

enum { MOST = 64 };

int main(void) {
    struct rlimit lock;
    CHECK(getrlimit(RLIMIT_MEMLOCK, &lock) == 0);
    lock.rlim_cur = lock.rlim_max < 64 * MIB ? lock.rlim_max : 64 * MIB;
    CHECK(setrlimit(RLIMIT_MEMLOCK, &lock) == 0);
    size_t before = resident();
    CHECK(mlockall(MCL_FUTURE) == 0, "errno %d, limit %zu", errno, (size_t)lock.rlim_cur);

    char *small = malloc(1), *span = malloc(100000);
    CHECK(small != NULL && span != NULL, "64 MiB are enough");
    size_t after = resident();
    CHECK(after < before + 16 * MIB, "%zu MiB for two small blocks", (after - before) / MIB);
    free(small);
    free(span);

    char *blocks[MOST];
    for (int round = 0; round < 4; round++) {
        int n = 0;
        while (n < MOST && (blocks[n] = malloc(round % 2 ? 3 * MIB : 500 * KIB)) != NULL)
            n++;
        errno = 4321;
        for (int i = 0; i < n; i++)
            free(blocks[i]);
        CHECK(errno == 4321);
        malloc_trim(0);
    }
    CHECK(munlockall() == 0);
    char *block = malloc(80 * MIB);
    CHECK(block != NULL);
    free(block);
    return 0;
}
