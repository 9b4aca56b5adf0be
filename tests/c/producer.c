// One thread only allocates, the other only frees: memory in use stays bounded.
#include "check.h"
#include <stdatomic.h>

enum { N_RING = 256, N_BLOCKS = 1000000 };

static _Atomic(char *) ring[N_RING];

static void *consume(void *unused) {
    for (int i = 0; i < N_BLOCKS; i++) {
        char *block;
        while ((block = atomic_exchange(&ring[i % N_RING], NULL)) == NULL)
            sched_yield();
        CHECK(block[0] == (char)i, "block %d", i);
        free(block);
    }
    return unused;
}

int main(void) {
    pthread_t consumer;
    uint64_t random = 777;
    CHECK(pthread_create(&consumer, NULL, consume, NULL) == 0);
    size_t before = resident();
    for (int i = 0; i < N_BLOCKS; i++) {
        char *block = malloc(16 + next_random(&random) % 2000);
        CHECK(block != NULL);
        block[0] = (char)i;
        char *none = NULL;
        while (!atomic_compare_exchange_weak(&ring[i % N_RING], &none, block)) {
            none = NULL;
            sched_yield();
        }
    }
    pthread_join(consumer, NULL);
    // About half a MB is live at any time, of a GB in all.
    size_t after = resident();
    CHECK(after < before + 64 * MIB, "%zu MiB to %zu MiB", before / MIB, after / MIB);
    return 0;
}
