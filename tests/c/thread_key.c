// hakmem's own key comes late: the program has made forty before its first allocation. So arming the
// exit hook allocates, and so does a thread's first pthread_setspecific, inside of which the
// thread's heap is bound.
#include "check.h"

enum { N_KEYS = 40, N_THREADS = 3000, WARM_UP = 300 };

static pthread_key_t keys[N_KEYS];

static void before_all(void) {
    for (int i = 0; i < N_KEYS; i++)
        if (pthread_key_create(&keys[i], NULL) != 0)
            abort();
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = before_all;

// The first call of the thread is libc's, for the room of the key's value.
static void *work(void *number) {
    CHECK(pthread_setspecific(keys[35 + (uintptr_t)number % 5], keys) == 0);
    CHECK(pthread_getspecific(keys[35 + (uintptr_t)number % 5]) == keys);
    for (int i = 0; i < 200; i++)
        free(malloc(i * 20));
    return NULL;
}

static void run(int n) {
    for (int i = 0; i < n; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, work, (void *)(uintptr_t)i) == 0);
        pthread_join(thread, NULL);
    }
}

int main(void) {
    stays_flat(run, WARM_UP, N_THREADS, 16 * MIB);
    return 0;
}
