// Threads end while others free their blocks, and while others take over what they left.
#include "check.h"
#include <stdatomic.h>

enum { N_ROUNDS = 1500, N_BLOCKS = 400 };

struct Share {
    _Atomic(unsigned char *) blocks[N_BLOCKS];
    atomic_int filled;
};

// Allocates all, and ends: its exit hook runs while the others are at it.
static void *give(void *shared) {
    struct Share *share = shared;
    for (size_t i = 0; i < N_BLOCKS; i++) {
        size_t size = 100 + i * 13 % 3000;
        unsigned char *block = malloc(size);
        CHECK(block != NULL);
        fill(block, 100, i);
        share->blocks[i] = block;
        share->filled = (int)i + 1;
    }
    return NULL;
}

// Frees each as soon as it is there.
static void *take(void *shared) {
    struct Share *share = shared;
    for (int i = 0; i < N_BLOCKS; i++) {
        while (share->filled <= i)
            sched_yield();
        unsigned char *block = atomic_exchange(&share->blocks[i], NULL);
        if (block == NULL)
            continue;
        CHECK(broken(block, 100, i) == 100, "block %d", i);
        free(block);
    }
    return NULL;
}

int main(void) {
    static struct Share share;
    size_t before = 0;
    for (int round = 0; round < N_ROUNDS; round++) {
        pthread_t threads[3];
        share.filled = 0;
        CHECK(pthread_create(&threads[0], NULL, take, &share) == 0);
        CHECK(pthread_create(&threads[1], NULL, give, &share) == 0);
        CHECK(pthread_create(&threads[2], NULL, take, &share) == 0);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        if (round == N_ROUNDS / 10)
            before = resident();
    }
    size_t after = resident();
    CHECK(after < before + 16 * MIB, "%zu KiB to %zu KiB", before / KIB, after / KIB);
    return 0;
}
