// expect: abort hakmem: double free
// A thread without a heap of its own frees the same block twice: noticed at once.
#include "check.h"

static char *block;

static void *work(void *unused) {
    free(block);
    free(opaque(block));
    return unused;
}

int main(void) {
    pthread_t thread;
    block = malloc(64);
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    pthread_join(thread, NULL);
    return 0;
}
