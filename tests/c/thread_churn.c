// Ten thousand short threads: what each leaves behind is used again.
#include "check.h"

enum { N_THREADS = 10000, AT_ONCE = 5, N_BLOCKS = 200 };

// Frees all but one block, which the main thread frees.
static void *work(void *seed) {
    uint64_t random = (uintptr_t)seed * 2654435761u + 1;
    char *blocks[N_BLOCKS];
    for (int i = 0; i < N_BLOCKS; i++) {
        size_t size = 1 + next_random(&random) % 3000;
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 7, size);
    }
    for (int i = 1; i < N_BLOCKS; i++)
        free(blocks[i]);
    char *span = malloc(150000);
    CHECK(span != NULL);
    span[0] = span[149999] = 1;
    free(span);
    return blocks[0];
}

static void run(int from, int to) {
    for (int i = from; i < to; i += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        for (int j = 0; j < AT_ONCE; j++)
            CHECK(pthread_create(&threads[j], NULL, work, (void *)(uintptr_t)(i + j)) == 0);
        for (int j = 0; j < AT_ONCE; j++) {
            void *left = NULL;
            pthread_join(threads[j], &left);
            CHECK(left != NULL);
            free(left);
        }
    }
}

int main(void) {
    run(0, N_THREADS / 10);
    size_t before = resident();
    run(N_THREADS / 10, N_THREADS);
    size_t after = resident();
    CHECK(after < before + 24 * MIB, "%zu KiB to %zu KiB", before / KIB, after / KIB);
    return 0;
}
