// Forks while other threads allocate; the child uses what it inherited, and allocates.
// timeout-s: 240
#include "check.h"
#include <stdatomic.h>
#include <sys/wait.h>

enum { N_THREADS = 4, N_ROUNDS = 1000, N_SLOTS = 256 };

static _Atomic(char *) slots[N_SLOTS];
static atomic_int stop;

static char *make(uint64_t *random) {
    char *block = malloc(random_size(random) + 1);
    CHECK(block != NULL);
    block[0] = 'b';
    return block;
}

static void drop(char *block) {
    CHECK(block == NULL || block[0] == 'b');
    free(block);
}

static void *work(void *seed) {
    uint64_t random = 0x9E3779B97F4A7C15u * ((uintptr_t)seed + 1);
    while (!stop) {
        size_t slot = next_random(&random) % N_SLOTS;
        drop(atomic_exchange(&slots[slot], make(&random)));
    }
    return NULL;
}

// Blocks of this thread's and of threads that do not exist here.
static void inherit(uint64_t random) {
    alarm(30);
    for (int i = 0; i < N_SLOTS; i++)
        drop(atomic_exchange(&slots[i], make(&random)));
    for (int i = 0; i < 1000; i++) {
        size_t slot = next_random(&random) % N_SLOTS;
        drop(atomic_exchange(&slots[slot], make(&random)));
    }
    malloc_trim(0);
}

static void *nothing_but_work(void *seed) {
    inherit((uintptr_t)seed * 77 + 5);
    return NULL;
}

static void wait_for(pid_t child, int round) {
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(status == 0, "round %d: status %#x", round, status);
}

static void child_of_round(int round) {
    pthread_t thread;
    inherit(round + 1);
    switch (round % 10) {
    case 0:
        CHECK(pthread_create(&thread, NULL, nothing_but_work, (void *)(uintptr_t)round) == 0);
        pthread_join(thread, NULL);
        break;
    case 1: {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            inherit(round + 2);
            _exit(0);
        }
        wait_for(grandchild, round);
        break;
    }
    }
    _exit(0);
}

int main(void) {
    pthread_t threads[N_THREADS];
    uint64_t random = 4711;
    for (uintptr_t i = 0; i < N_THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (int round = 0; round < N_ROUNDS; round++) {
        for (int i = 0; i < 50; i++)
            drop(atomic_exchange(&slots[next_random(&random) % N_SLOTS], make(&random)));
        pid_t child = fork();
        if (child == 0)
            child_of_round(round);
        wait_for(child, round);
    }
    stop = 1;
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
