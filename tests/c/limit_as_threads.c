// only: default guards, and blocks that are held back, take the space that is counted here
// limit-as-kib: 300000
// Threads that run out of address space together; what they free, others can have.
#include "check.h"
#include <stdatomic.h>

enum { N_THREADS = 4 };

static const size_t SIZES[] = {64, 3000, 50000, 900000, 5000000};
static pthread_barrier_t barrier;
static atomic_size_t taken;

struct Node {
    struct Node *next;
};

static struct Node *fill_up(size_t size) {
    struct Node *list = NULL, *node;
    while ((node = malloc(size)) != NULL) {
        node->next = list;
        list = node;
        taken += size;
    }
    CHECK(errno == ENOMEM);
    return list;
}

static void empty(struct Node *list) {
    while (list != NULL) {
        struct Node *next = list->next;
        free(list);
        list = next;
    }
}

static void *work(void *number) {
    for (size_t round = 0; round < COUNT(SIZES); round++) {
        size_t size = SIZES[(round + (uintptr_t)number) % COUNT(SIZES)];
        pthread_barrier_wait(&barrier);
        struct Node *list = fill_up(size);
        pthread_barrier_wait(&barrier);
        empty(list);
    }
    return NULL;
}

// What the main thread can have while the others wait, idle and with empty hands.
static size_t alone(size_t size) {
    taken = 0;
    empty(fill_up(size));
    return taken;
}

int main(void) {
    size_t before[COUNT(SIZES)];
    pthread_t threads[N_THREADS];
    CHECK(pthread_barrier_init(&barrier, NULL, N_THREADS) == 0);
    // The stacks are there from the start: only hakmem's memory differs.
    for (uintptr_t i = 0; i < N_THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        before[i] = alone(SIZES[i]);
        CHECK(before[i] > 100 * MIB, "%zu MiB of blocks of %zu", before[i] / MIB, SIZES[i]);
    }
    for (uintptr_t i = 0; i < N_THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        size_t after = alone(SIZES[i]);
        CHECK(after >= before[i] - before[i] / 20, "blocks of %zu: %zu bytes, then %zu", SIZES[i],
            before[i], after);
    }
    return 0;
}
