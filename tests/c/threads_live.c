// only: default a guard for each span makes a thread larger
// Two thousand threads at once: each costs little, and what one of them frees another can have.
#include "check.h"

enum { N_THREADS = 2000, N_BLOCKS = 20, STACK = 64 << 10 };

static pthread_barrier_t all;
static char *blocks[N_THREADS][N_BLOCKS];

static void *work(void *number) {
    uintptr_t n = (uintptr_t)number, other = (n + 7) % N_THREADS;
    for (int i = 0; i < N_BLOCKS; i++) {
        size_t size = i % 3 * 140 + 20;
        CHECK((blocks[n][i] = malloc(size)) != NULL);
        fill(blocks[n][i], size, n + i);
    }
    pthread_barrier_wait(&all);
    // The main thread looks at what all of them cost.
    pthread_barrier_wait(&all);
    for (int i = 0; i < N_BLOCKS; i++) {
        size_t size = i % 3 * 140 + 20;
        CHECK(broken(blocks[other][i], size, other + i) == size, "thread %zu", other);
        free(blocks[other][i]);
    }
    return NULL;
}

// Returns what the process had resident when all of them lived.
static size_t run(void) {
    static pthread_t threads[N_THREADS];
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, STACK) == 0);
    for (uintptr_t i = 0; i < N_THREADS; i++)
        CHECK(pthread_create(&threads[i], &small, work, (void *)i) == 0, "thread %zu", i);
    pthread_barrier_wait(&all);
    size_t now = resident();
    pthread_barrier_wait(&all);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    return now;
}

// Threads that find no room at one moment each map some, and each of it may be a huge page. That is
// chance, and not so every time.
enum { CHANCES = 3 };

int main(void) {
    // Three sizes: at most a unit for each, the heap, the stack.
    const size_t most = N_THREADS * (320 * KIB);
    CHECK(pthread_barrier_init(&all, NULL, N_THREADS + 1) == 0);
    size_t live = run();
    for (int i = 1; i < CHANCES && live >= most; i++) {
        malloc_trim(0);
        live = run();
    }
    CHECK(live < most, "%zu KiB a thread", live / KIB / N_THREADS);
    size_t before = 0, after = resident();
    for (int i = 0; i < CHANCES && after >= before + 32 * MIB; i++) {
        before = after;
        run();
        after = resident();
    }
    CHECK(after < before + 32 * MIB, "%zu KiB to %zu KiB", before / KIB, after / KIB);
    return 0;
}
