// Allocations in the last round of a thread's destructors, after which no destructor runs any more:
// a heap bound that late would have no hook to give it back by. The thread has used its heap before;
// one whose very first allocation comes this late loses a heap, since nothing tells that it ends.
#include "check.h"
#include <limits.h>

enum { N_THREADS = 3000, WARM_UP = 300 };

static pthread_key_t key;

// Allocates in the last round only, and frees what it allocated.
static void last_round(void *value) {
    uintptr_t round = (uintptr_t)value;
    if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(key, (void *)(round + 1));
        return;
    }
    char *block = malloc(3000);
    CHECK(block != NULL);
    memset(block, 1, 3000);
    free(block);
}

static void *work(void *unused) {
    free(malloc(1));
    pthread_setspecific(key, (void *)1);
    return unused;
}

static void run(int n) {
    for (int i = 0; i < n; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
        pthread_join(thread, NULL);
    }
}

int main(void) {
    // The main thread has a heap, and hakmem its key, before this key: so its destructor is the later.
    free(malloc(1));
    CHECK(pthread_key_create(&key, last_round) == 0);
    stays_flat(run, WARM_UP, N_THREADS, 16 * MIB);
    return 0;
}
