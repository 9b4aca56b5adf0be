// expect: abort hakmem: double free
// A small block freed twice: noticed at the latest when the thread ends.
#include "check.h"

static void *work(void *unused) {
    char *block = malloc(500);
    free(block);
    free(opaque(block));
    return unused;
}

int main(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    pthread_join(thread, NULL);
    return 0;
}
