// With as many mappings as a process may have, munmap and madvise fail too: `free` keeps the
// memory and errno, and later all is well.
#include "check.h"
#include <sys/mman.h>

enum { N_SMALL = 20000, N_HUGE = 60, MOST_PAGES = 400000 };

static char *small[N_SMALL], *huge[N_HUGE];

static void take_all(void) {
    for (int i = 0; i < N_SMALL; i++)
        CHECK((small[i] = malloc(100 + i % 5000)) != NULL);
    for (int i = 0; i < N_HUGE; i++) {
        CHECK((huge[i] = malloc((2 + i % 5) * MIB)) != NULL);
        fill(huge[i], 5000, i);
    }
}

// Makes every second page of one mapping another mapping, until that fails.
static void use_up(char *pages) {
    int n = 0;
    while (n < MOST_PAGES / 2 && mprotect(pages + 8192 * (size_t)n, 4096, PROT_READ) == 0)
        n++;
    CHECK(n < MOST_PAGES / 2, "no end of mappings");
}

int main(void) {
    size_t bytes = MOST_PAGES * (size_t)4096;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    char *pages = mmap(NULL, bytes, PROT_NONE, flags, -1, 0);
    CHECK(pages != MAP_FAILED);
    take_all();
    use_up(pages);
    for (int i = 0; i < N_HUGE; i += 3) {
        char *larger = realloc(huge[i], 9 * MIB);
        if (larger != NULL)
            huge[i] = larger;
        CHECK(broken(huge[i], 5000, i) == 5000, "huge block %d", i);
    }
    errno = 4321;
    for (int i = 0; i < N_SMALL; i++)
        free(small[i]);
    // From the middle outwards: the ranges do not simply join.
    for (int i = 0; i < N_HUGE; i++)
        free(huge[(i * 7) % N_HUGE]);
    malloc_trim(0);
    CHECK(errno == 4321, "errno %d", errno);
    void *block = malloc(1000);
    CHECK(block != NULL, "what was freed can be had");
    free(block);
    CHECK(munmap(pages, bytes) == 0);
    take_all();
    for (int i = 0; i < N_SMALL; i++)
        free(small[i]);
    for (int i = 0; i < N_HUGE; i++)
        free(huge[i]);
    malloc_trim(0);
    return 0;
}
