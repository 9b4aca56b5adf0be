// Four threads exchange blocks as fast as they can, so that an address is freed in one and given out in
// another at about the same time. Each block is freed once, and never before its allocation.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 100000, SLOTS = 8 };

static _Atomic(char *) slots[SLOTS];
static pthread_barrier_t step;
void *keep;

static void *work(void *arg) {
    unsigned state = (unsigned)(size_t)arg;
    pthread_barrier_wait(&step);
    for (int i = 0; i < ROUNDS; i++) {
        state = state * 1664525 + 1013904223;
        // Small blocks stay with threads for a while; large ones are anybody's at once.
        char *mine = malloc(state >> 17 & 7 ? 40000 : 8 + (state >> 28) * 16);
        if ((state >> 13 & 15) == 0) mine = realloc(mine, 8 + (state >> 24 & 15) * 16);
        free(atomic_exchange(&slots[state >> 20 & (SLOTS - 1)], mine));
    }
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    return NULL;
}

int main(void) {
    printf("allocations %d threads %d\n", THREADS * ROUNDS, THREADS);
    fflush(stdout);
    pthread_t threads[THREADS];
    pthread_barrier_init(&step, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    keep = malloc(771001);
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    for (int i = 0; i < SLOTS; i++) free(slots[i]);
    keep = malloc(771002);
    pthread_barrier_wait(&step);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    return 0;
}
