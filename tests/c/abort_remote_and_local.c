// expect: abort hakmem: double free
// The owner and another thread free the same block: noticed when both frees have reached the slab.
#include "check.h"

static char *blocks[2000];

static void *work(void *unused) {
    free(blocks[1000]);
    return unused;
}

int main(void) {
    pthread_t thread;
    for (int i = 0; i < 2000; i++)
        blocks[i] = malloc(64);
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 2000; i++)
        free(opaque(blocks[i]));
    malloc_trim(0);
    return 0;
}
