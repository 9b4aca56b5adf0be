// What a thread may still do when it ends: allocate and free in destructors, early and late ones,
// and leave nothing behind.
#include "check.h"

enum { N_KEYS = 40, N_THREADS = 2000, WARM_UP = 300 };

// C++ registers the destructors of `thread_local` variables by this.
extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *value, void *dso);
extern void *__dso_handle;

// Keys above 31 make `pthread_setspecific` call `calloc`.
static pthread_key_t keys[N_KEYS];

// A value is a block whose first word is how many rounds are left.
static void key_destructor(void *value) {
    size_t *rounds = value;
    char *blocks[20];
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = malloc(100 * i + 1);
        CHECK(blocks[i] != NULL);
        fill(blocks[i], 100 * i + 1, i);
    }
    for (size_t i = 0; i < COUNT(blocks); i++) {
        CHECK(broken(blocks[i], 100 * i + 1, i) == 100 * i + 1);
        free(blocks[i]);
    }
    if (*rounds > 0) {
        *rounds -= 1;
        size_t *again = realloc(value, 64 + 100 * *rounds);
        CHECK(again != NULL);
        pthread_setspecific(keys[*again % N_KEYS], again);
        return;
    }
    free(value);
}

static void tls_destructor(void *value) {
    char *block = calloc(3, 500);
    CHECK(block != NULL && first_nonzero(block, 1500) == 1500);
    free(value);
    free(block);
}

static size_t *value_of(size_t rounds) {
    size_t *value = malloc(64 + 100 * rounds);
    CHECK(value != NULL);
    *value = rounds;
    return value;
}

static void *with_destructors(void *number) {
    uintptr_t n = (uintptr_t)number;
    for (int i = 0; i < 4; i++)
        __cxa_thread_atexit_impl(tls_destructor, malloc(50 + i), &__dso_handle);
    for (int i = 0; i < N_KEYS; i += 3)
        pthread_setspecific(keys[i], value_of((n + i) % 3));
    char *span = malloc(100000);
    CHECK(span != NULL);
    free(span);
    return NULL;
}

// The thread's first call is inside a destructor.
static void *only_in_a_destructor(void *value) {
    pthread_setspecific(keys[2], value);
    return NULL;
}

// Never allocates.
static void *only_frees(void *blocks) {
    for (void **block = blocks; *block != NULL; block++)
        free(*block);
    return NULL;
}

static void **blocks_to_free(void) {
    void **blocks = malloc(21 * sizeof *blocks);
    for (int i = 0; i < 20; i++) {
        blocks[i] = malloc(i < 18 ? 40 * i : 50000 * i);
        CHECK(blocks[i] != NULL);
    }
    blocks[20] = NULL;
    return blocks;
}

static void run(int n) {
    for (int i = 0; i < n; i++) {
        pthread_t threads[3];
        void **blocks = blocks_to_free();
        CHECK(pthread_create(&threads[0], NULL, with_destructors, (void *)(uintptr_t)i) == 0);
        CHECK(pthread_create(&threads[1], NULL, only_in_a_destructor, value_of(i % 5)) == 0);
        CHECK(pthread_create(&threads[2], NULL, only_frees, blocks) == 0);
        for (int j = 0; j < 3; j++)
            pthread_join(threads[j], NULL);
        free(blocks);
    }
}

int main(void) {
    for (int i = 0; i < N_KEYS; i++)
        CHECK(pthread_key_create(&keys[i], key_destructor) == 0);
    stays_flat(run, WARM_UP, N_THREADS, 16 * MIB);
    return 0;
}
