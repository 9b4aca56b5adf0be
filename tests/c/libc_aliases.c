// glibc's own names for its functions: their blocks are hakmem's, and any `free` takes any block.
#include "check.h"
#include <dlfcn.h>

static void *(*lmalloc)(size_t);
static void (*lfree)(void *);
static void *(*lcalloc)(size_t, size_t);
static void *(*lrealloc)(void *, size_t);
static void *(*lreallocarray)(void *, size_t, size_t);
static void *(*lmemalign)(size_t, size_t);
static void *(*lvalloc)(size_t);
static void *(*lpvalloc)(size_t);
static void (*lcfree)(void *);
static int (*lposix_memalign)(void **, size_t, size_t);

#define FIND(name)                                                             \
    CHECK((*(void **)&l##name = dlsym(RTLD_DEFAULT, "__libc_" #name)) != NULL)

static void find(void) {
    FIND(malloc);
    FIND(free);
    FIND(calloc);
    FIND(realloc);
    FIND(reallocarray);
    FIND(memalign);
    FIND(valloc);
    FIND(pvalloc);
    FIND(cfree);
    CHECK((*(void **)&lposix_memalign = dlsym(RTLD_DEFAULT, "__posix_memalign")) != NULL);
}

static void *good(void *block, size_t size, size_t align) {
    CHECK(block != NULL && is_aligned(block, align), "%zu bytes, align %zu", size, align);
    CHECK(malloc_usable_size(block) >= size, "%zu bytes", size);
    memset(block, 0x6B, malloc_usable_size(block));
    return block;
}

static void blocks_cross(size_t n) {
    void *block = NULL;
    free(good(lmalloc(n), n, 16));
    lfree(good(malloc(n), n, 16));
    free(good(lcalloc(3, n), 3 * n, 16));
    lcfree(good(calloc(3, n), 3 * n, 16));
    free(good(lrealloc(good(malloc(n), n, 16), 2 * n + 1), 2 * n + 1, 16));
    lfree(good(realloc(good(lmalloc(n), n, 16), 2 * n + 1), 2 * n + 1, 16));
    free(good(lreallocarray(malloc(n), 2, n + 1), 2 * n + 2, 16));
    free(good(lmemalign(512, n), n, 512));
    free(good(lvalloc(n), n, 4096));
    block = good(lpvalloc(n), n, 4096);
    CHECK(malloc_usable_size(block) >= (n + 4095) / 4096 * 4096);
    cfree(block);
    CHECK(lposix_memalign(&block, 128, n) == 0);
    lcfree(good(block, n, 128));
}

static void edges(void) {
    char dirty[64], *block = lcalloc(1, 64);
    memset(dirty, 0, 64);
    CHECK(memcmp(block, dirty, 64) == 0);
    CHECK(lrealloc(block, 0) == NULL);
    errno = 0;
    CHECK(lmalloc(SIZE_MAX) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(lcalloc((size_t)1 << 63, 2) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(lreallocarray(NULL, (size_t)1 << 63, 2) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(lpvalloc(SIZE_MAX) == NULL && errno == ENOMEM);
    void *out = dirty;
    errno = 4321;
    CHECK(lposix_memalign(&out, 3, 8) == EINVAL && out == dirty && errno == 4321);
    lfree(NULL);
    lcfree(NULL);
    CHECK(errno == 4321);
}

int main(void) {
    static const size_t SIZES[] = {0, 1, 24, 1000, 1025, 32768, 70000, 1 << 20, (3 << 20) + 5};
    find();
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT(SIZES); i++)
            blocks_cross(SIZES[i]);
    edges();
    return 0;
}
