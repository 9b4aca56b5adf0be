// Fibers that go from thread to thread between malloc and free, and are resumed where they have
// never been.
#include "check.h"
#include <stdatomic.h>
#include <ucontext.h>

enum { N_FIBERS = 64, N_THREADS = 4, N_TURNS = 4000, N_BLOCKS = 16, STACK = 128 << 10 };

struct Fiber {
    ucontext_t own, *resumer;
    atomic_int busy;
    int turns, done;
    char *stack;
};

static struct Fiber fibers[N_FIBERS];
static atomic_int left = N_FIBERS;

static void yield_to_thread(struct Fiber *fiber) { swapcontext(&fiber->own, fiber->resumer); }

static void body(unsigned low, unsigned high) {
    struct Fiber *fiber = (struct Fiber *)(((uintptr_t)high << 32) | low);
    uint64_t random = (uintptr_t)fiber;
    for (fiber->turns = 0; fiber->turns < N_TURNS / N_BLOCKS; fiber->turns++) {
        char *blocks[N_BLOCKS];
        size_t sizes[N_BLOCKS];
        for (int i = 0; i < N_BLOCKS; i++) {
            sizes[i] = 1 + next_random(&random) % 2000;
            blocks[i] = malloc(sizes[i]);
            CHECK(blocks[i] != NULL);
            fill(blocks[i], sizes[i], i);
            if (i % 4 == 0)
                yield_to_thread(fiber);
        }
        for (int i = 0; i < N_BLOCKS; i++) {
            CHECK(broken(blocks[i], sizes[i], i) == sizes[i], "block %d", i);
            free(blocks[i]);
            if (i % 4 == 2)
                yield_to_thread(fiber);
        }
    }
    fiber->done = 1;
    left--;
    yield_to_thread(fiber);
}

static void *resume(void *seed) {
    uint64_t random = 77 + (uintptr_t)seed;
    ucontext_t here;
    while (left > 0) {
        struct Fiber *fiber = &fibers[next_random(&random) % N_FIBERS];
        if (atomic_exchange(&fiber->busy, 1))
            continue;
        if (!fiber->done) {
            fiber->resumer = &here;
            swapcontext(&here, &fiber->own);
        }
        fiber->busy = 0;
    }
    return NULL;
}

int main(void) {
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_FIBERS; i++) {
        uintptr_t address = (uintptr_t)&fibers[i];
        CHECK((fibers[i].stack = malloc(STACK)) != NULL && getcontext(&fibers[i].own) == 0);
        fibers[i].own.uc_stack.ss_sp = fibers[i].stack;
        fibers[i].own.uc_stack.ss_size = STACK;
        makecontext(&fibers[i].own, (void (*)(void))body, 2, (unsigned)address,
            (unsigned)(address >> 32));
    }
    for (uintptr_t i = 0; i < N_THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, resume, (void *)i) == 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < N_FIBERS; i++)
        free(fibers[i].stack);
    return 0;
}
