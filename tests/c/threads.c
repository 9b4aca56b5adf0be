// Eight threads that allocate, and free what others allocated.
#include "check.h"
#include <stdatomic.h>

enum { N_THREADS = 8, N_SLOTS = 512, N_STEPS = 40000 };

struct Block {
    size_t size;
    size_t tag;
    unsigned char bytes[];
};

static _Atomic(struct Block *) slots[N_SLOTS];

static struct Block *make(uint64_t *random) {
    size_t size = random_size(random) % (400 * KIB);
    struct Block *block = malloc(sizeof *block + size);
    CHECK(block != NULL, "%zu bytes", size);
    block->size = size;
    block->tag = (size_t)next_random(random);
    size_t written = size < 4096 ? size : 4096;
    fill(block->bytes, written, block->tag);
    return block;
}

static void drop(struct Block *block) {
    if (block == NULL)
        return;
    size_t written = block->size < 4096 ? block->size : 4096;
    CHECK(broken(block->bytes, written, block->tag) == written, "a block of %zu", block->size);
    CHECK(malloc_usable_size(block) >= sizeof *block + block->size);
    free(block);
}

static void *work(void *seed) {
    uint64_t random = 0x9E3779B97F4A7C15u * ((uintptr_t)seed + 1);
    for (int i = 0; i < N_STEPS; i++) {
        size_t slot = next_random(&random) % N_SLOTS;
        struct Block *mine = next_random(&random) % 4 ? make(&random) : NULL;
        drop(atomic_exchange(&slots[slot], mine));
    }
    return NULL;
}

int main(void) {
    pthread_t threads[N_THREADS];
    for (int round = 0; round < 2; round++) {
        for (uintptr_t i = 0; i < N_THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, work, (void *)(i + 100 * round)) == 0);
        for (int i = 0; i < N_THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < N_SLOTS; i++)
        drop(atomic_exchange(&slots[i], NULL));
    return 0;
}
