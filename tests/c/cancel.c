// malloc is no cancellation point: a thread that is cancelled while it allocates goes on until it
// meets one, and its cleanup handlers allocate and free.
#include "check.h"
#include <stdatomic.h>

enum { N_THREADS = 300, N_BLOCKS = 200 };

static atomic_int cancelled;

static void clean_up(void *kept) {
    char *block = malloc(5000);
    CHECK(block != NULL);
    free(block);
    free(kept);
}

static void use_malloc(void) {
    char *blocks[N_BLOCKS];
    for (int i = 0; i < N_BLOCKS; i++) {
        size_t size = (size_t)i * i * 5 + (i % 50 == 0 ? 3 * MIB : 0);
        CHECK((blocks[i] = malloc(size)) != NULL);
        if (i % 3 == 0)
            CHECK((blocks[i] = realloc(blocks[i], size / 2 + 1)) != NULL);
    }
    for (int i = 0; i < N_BLOCKS; i++)
        free(blocks[i]);
    malloc_trim(0);
}

static void *work(void *reached) {
    char *kept = malloc(100);
    pthread_cleanup_push(clean_up, kept);
    while (!cancelled)
        sched_yield();
    // The request is pending from here on.
    use_malloc();
    *(int *)reached = 1;
    pthread_testcancel();
    CHECK(0, "not cancelled");
    pthread_cleanup_pop(1);
    return NULL;
}

int main(void) {
    for (int i = 0; i < N_THREADS; i++) {
        pthread_t thread;
        void *result = NULL;
        int reached = 0;
        cancelled = 0;
        CHECK(pthread_create(&thread, NULL, work, &reached) == 0);
        CHECK(pthread_cancel(thread) == 0);
        cancelled = 1;
        pthread_join(thread, &result);
        CHECK(result == PTHREAD_CANCELED);
        CHECK(reached, "thread %d was cancelled in malloc", i);
    }
    return 0;
}
