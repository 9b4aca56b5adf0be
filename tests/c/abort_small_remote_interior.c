// expect: abort hakmem: free of a pointer into a block
// A pointer into another thread's small block: noticed at once.
#include "check.h"

static char *block;

static void *work(void *unused) {
    free(opaque(block + 16));
    return unused;
}

int main(void) {
    pthread_t thread;
    block = malloc(64);
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    pthread_join(thread, NULL);
    return 0;
}
