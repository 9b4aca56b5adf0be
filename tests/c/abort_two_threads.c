// expect: abort hakmem: double free
// Two threads free the same block of a third.
#include "check.h"

static char *block;

static void *work(void *unused) {
    free(malloc(100));
    free(opaque(block));
    return unused;
}

int main(void) {
    pthread_t thread;
    char *beside[100];
    for (int i = 0; i < 100; i++)
        beside[i] = malloc(64);
    block = beside[50];
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
        pthread_join(thread, NULL);
    }
    return beside[0] == NULL;
}
