// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// Two threads free the same block at the same moment.
#include "wrong.h"

static pthread_barrier_t barrier;

static void *work(void *block) {
    pthread_barrier_wait(&barrier);
    free(opaque(block));
    return NULL;
}

int main(void) {
    pthread_t threads[2];
    char *beside[2], *block = malloc(64);
    allocate(beside, 2, 64);
    named(block);
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, work, block) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
