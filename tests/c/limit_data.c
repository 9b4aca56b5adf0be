// RLIMIT_DATA counts private writable mappings: null and ENOMEM at the limit, and all is well when
// it is lifted.
#include "check.h"
#include <sys/resource.h>

enum { MOST = 8192 };

static char *blocks[MOST];

static size_t fill_up(size_t size) {
    size_t n = 0;
    while (n < MOST) {
        errno = 0;
        blocks[n] = malloc(size);
        if (blocks[n] == NULL) {
            CHECK(errno == ENOMEM, "errno %d", errno);
            break;
        }
        blocks[n][0] = blocks[n][size - 1] = 1;
        n++;
    }
    return n;
}

static void empty(size_t n) {
    errno = 4321;
    for (size_t i = 0; i < n; i++)
        free(blocks[i]);
    CHECK(errno == 4321);
}

static void limit(rlim_t bytes) {
    struct rlimit now;
    CHECK(getrlimit(RLIMIT_DATA, &now) == 0);
    now.rlim_cur = bytes < now.rlim_max ? bytes : now.rlim_max;
    CHECK(setrlimit(RLIMIT_DATA, &now) == 0);
}

int main(void) {
    static const size_t SIZES[] = {20000, 100000, 1 << 20, 3 << 20, 10 << 20};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        limit(96 * MIB);
        size_t first = fill_up(SIZES[i]);
        CHECK(first < MOST, "no limit at %zu bytes", SIZES[i]);
        CHECK(first * SIZES[i] > 40 * MIB, "%zu blocks of %zu", first, SIZES[i]);
        empty(first);
        size_t second = fill_up(SIZES[i]);
        // Of large blocks two more or fewer fit, as what is kept happens to lie.
        CHECK((second + 2) * 100 >= first * 95, "%zu blocks, then %zu", first, second);
        limit(RLIM_INFINITY);
        char *more = malloc(200 * MIB);
        CHECK(more != NULL, "the limit is lifted");
        free(more);
        empty(second);
    }
    // No limit is too low for a request to fail instead of ending the process.
    limit(0);
    empty(fill_up(100000));
    malloc_trim(0);
    limit(RLIM_INFINITY);
    empty(fill_up(100000));
    return 0;
}
