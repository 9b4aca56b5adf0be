// limit-as-kib: 65536
// A program runs in 64 MB of address space.
#include "check.h"

static void *work(void *unused) {
    for (int i = 0; i < 1000; i++) {
        char *block = malloc(100 + i);
        CHECK(block != NULL, "block %d", i);
        memset(block, 1, 100 + i);
        free(block);
    }
    return unused;
}

int main(void) {
    char *blocks[1000];
    for (int i = 0; i < 1000; i++) {
        blocks[i] = malloc(1 + i * 20);
        CHECK(blocks[i] != NULL, "block %d", i);
        memset(blocks[i], 1, 1 + i * 20);
    }
    char *span = malloc(700000), *huge = malloc(3 * MIB);
    CHECK(span != NULL && huge != NULL);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 1000; i++)
        free(blocks[i]);
    free(span);
    free(huge);
    return 0;
}
