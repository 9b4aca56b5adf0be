// A right program: all sizes, all functions, threads. Nothing to report.
// report: nothing
#include "../c/check.h"

enum { N = 400, THREADS = 3 };

static void *blocks[THREADS][N];

static void *work(void *argument) {
    size_t me = (size_t)argument;
    uint64_t random = me * 7 + 3;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            size_t size = random_size(&random) % (300 * KIB);
            char *block = i % 3 == 0 ? calloc(1, size) : malloc(size);
            CHECK(block != NULL);
            if (i % 3 == 0)
                CHECK(first_nonzero(block, size) == size);
            fill(block, size, i);
            if (i % 5 == 0) {
                CHECK((block = realloc(block, size * 2 + 1)) != NULL);
                CHECK(broken(block, size, i) == size);
            }
            CHECK(malloc_usable_size(block) >= size);
            blocks[me][i] = block;
        }
        for (size_t i = 0; i < N; i++)
            free(blocks[me][i]);
    }
    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 4096, 100) == 0 && is_aligned(aligned, 4096));
    memset(aligned, 1, malloc_usable_size(aligned));
    return aligned;
}

int main(void) {
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *block;
        CHECK(pthread_join(threads[i], &block) == 0);
        free(block);
    }
    char *huge = malloc(5 * MIB);
    huge[5 * MIB - 1] = 1;
    huge = realloc(huge, 9 * MIB);
    CHECK(huge[5 * MIB - 1] == 1);
    free(huge);
    malloc_trim(0);
    return 0;
}
