// expect: abort hakmem: double free
// Another thread frees the same block twice: noticed at the latest when that thread ends.
#include "check.h"

static char *block;

static void *work(void *unused) {
    free(malloc(100));
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
