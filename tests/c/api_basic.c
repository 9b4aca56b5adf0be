// Every exported function: results, zero sizes, alignment, errno.
#include "check.h"
#include <dlfcn.h>

static const size_t SIZES[] = {0, 1, 8, 15, 16, 17, 24, 100, 1000, 1024, 1025, 4096, 5000,
    32768, 32769, 65536, 65537, 300000, 1 << 20, (1 << 20) + 1, 3 << 20, (8 << 20) + 5};

static void every_name_is_hakmem(void) {
    static const char *const NAMES[] = {"malloc", "free", "calloc", "realloc", "reallocarray",
        "posix_memalign", "aligned_alloc", "memalign", "valloc", "pvalloc", "malloc_usable_size",
        "free_sized", "free_aligned_sized", "malloc_trim", "cfree", "__libc_malloc", "__libc_free",
        "__libc_calloc", "__libc_realloc", "__libc_reallocarray", "__libc_memalign",
        "__libc_valloc", "__libc_pvalloc", "__libc_cfree", "__posix_memalign"};
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        Dl_info info;
        void *function = dlsym(RTLD_DEFAULT, NAMES[i]);
        CHECK(function != NULL, "%s is not exported", NAMES[i]);
        CHECK(dladdr(function, &info) != 0, "%s", NAMES[i]);
        CHECK(strstr(info.dli_fname, "libhakmem") != NULL, "%s is of %s", NAMES[i], info.dli_fname);
    }
}

// A block is aligned, as large as asked for, and all of it can be written.
static void *use(void *block, size_t size, size_t align) {
    CHECK(block != NULL, "%zu bytes", size);
    CHECK(is_aligned(block, align), "%p: %zu bytes, align %zu", block, size, align);
    size_t usable = malloc_usable_size(block);
    CHECK(usable >= size, "%zu usable of %zu", usable, size);
    memset(block, 0x5A, usable);
    CHECK(malloc_usable_size(block) == usable, "it changed");
    return block;
}

static void every_function_gives_a_block(void) {
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        size_t n = SIZES[i];
        void *block = NULL;
        free(use(malloc(n), n, 16));
        free(use(calloc(1, n), n, 16));
        free(use(calloc(n, 1), n, 16));
        free(use(realloc(NULL, n), n, 16));
        free(use(reallocarray(NULL, 1, n), n, 16));
        CHECK(posix_memalign(&block, 64, n) == 0);
        free(use(block, n, 64));
        free(use(aligned_alloc(64, n), n, 64));
        free(use(memalign(256, n), n, 256));
        free(use(valloc(n), n, 4096));
        block = use(pvalloc(n), n, 4096);
        CHECK(malloc_usable_size(block) >= (n + 4095) / 4096 * 4096);
        cfree(block);
        free_sized(use(malloc(n), n, 16), n);
        free_aligned_sized(use(aligned_alloc(128, n), n, 128), 128, n);
    }
}

static void null_is_nothing(void) {
    errno = 4321;
    free(NULL);
    cfree(NULL);
    free_sized(NULL, 5);
    free_aligned_sized(NULL, 16, 5);
    CHECK(malloc_usable_size(NULL) == 0);
    CHECK(errno == 4321);
}

static void nothing_is_a_block_of_its_own(void) {
    void *blocks[8] = {malloc(0), malloc(0), calloc(0, 0), calloc(0, 9), calloc(9, 0),
        realloc(NULL, 0), reallocarray(NULL, 0, 7), NULL};
    CHECK(posix_memalign(&blocks[7], 32, 0) == 0);
    for (int i = 0; i < 8; i++) {
        CHECK(blocks[i] != NULL, "%d", i);
        for (int j = 0; j < i; j++)
            CHECK(blocks[i] != blocks[j], "%d and %d", i, j);
    }
    for (int i = 0; i < 8; i++)
        free(blocks[i]);
}

// Were the small ones not freed, 100 MiB would be in use.
static void realloc_to_nothing_frees_small_ones(void) {
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 100000; i++) {
        errno = 4321;
        CHECK(realloc(malloc(1000), 0) == NULL && errno == 4321);
        CHECK(reallocarray(malloc(30), 7, 0) == NULL && errno == 4321);
    }
    CHECK(mallinfo2().uordblks < before + 8 * MIB, "%zu before", before);
}

static void realloc_to_nothing_frees(void) {
    realloc_to_nothing_frees_small_ones();
    size_t before = resident();
    for (int i = 0; i < 2000; i++) {
        size_t size = i % 2 ? 900 * KIB : 4 * MIB;
        char *block = malloc(size);
        CHECK(block != NULL, "round %d", i);
        for (size_t at = 0; at < size; at += 4096)
            block[at] = 1;
        errno = 4321;
        CHECK(realloc(block, 0) == NULL);
        CHECK(errno == 4321, "freed, not failed");
    }
    CHECK(resident() < before + 256 * MIB, "it frees nothing");
    CHECK(reallocarray(malloc(50), 0, 8) == NULL);
}

static void *free_many(void *blocks) {
    void **at = (void **)blocks;
    for (errno = 4321; *at != NULL; at++) {
        free(*at);
        CHECK(errno == 4321, "a remote free");
    }
    return NULL;
}

// Frees of another thread's blocks: single ones, gathered ones, spans and huge ones.
static void a_remote_free_preserves_errno(void) {
    void *blocks[3001] = {NULL};
    for (size_t i = 0; i < 3000; i++)
        blocks[i] = malloc(SIZES[i % COUNT(SIZES)] % (2 * MIB));
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, free_many, blocks) == 0);
    pthread_join(thread, NULL);
}

static void free_preserves_errno(void) {
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        void *a = malloc(SIZES[i]), *b = malloc(SIZES[i]), *c = memalign(64, SIZES[i]);
        void *d = malloc(SIZES[i]);
        errno = 4321;
        free(a);
        free_sized(b, SIZES[i]);
        free_aligned_sized(c, 64, SIZES[i]);
        cfree(d);
        CHECK(errno == 4321, "%zu bytes", SIZES[i]);
    }
}

static void trim_answers(void) {
    char *keep = malloc(1000);
    fill(keep, 1000, 3);
    for (int i = 0; i < 1000; i++)
        free(malloc(5000 + i * 100));
    int given = malloc_trim(0);
    CHECK(given == 0 || given == 1, "%d", given);
    given = malloc_trim(1 << 20);
    CHECK(given == 0 || given == 1, "%d", given);
    CHECK(broken(keep, 1000, 3) == 1000);
    free(keep);
}

int main(void) {
    every_name_is_hakmem();
    every_function_gives_a_block();
    null_is_nothing();
    nothing_is_a_block_of_its_own();
    realloc_to_nothing_frees();
    free_preserves_errno();
    a_remote_free_preserves_errno();
    trim_answers();
    return 0;
}
