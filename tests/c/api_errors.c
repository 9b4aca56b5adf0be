// What cannot be served: null and ENOMEM for too much, EINVAL for a bad alignment, and nothing
// changed.
#include "check.h"

static const size_t TOO_MUCH[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX - 63,
    SIZE_MAX - 4095, SIZE_MAX - 4096, SIZE_MAX - 65536, SIZE_MAX - (2 << 20),
    (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 2, (size_t)PTRDIFF_MAX + 4097};

#define REFUSED(call)                                                          \
    do {                                                                       \
        errno = 0;                                                             \
        CHECK(opaque(call) == NULL, "%zu bytes", n);                           \
        CHECK(errno == ENOMEM, "%zu bytes: errno %d", n, errno);               \
    } while (0)

static void too_much_is_refused(void) {
    char *small = malloc(100), *span = malloc(100000), *huge = malloc(5 * MIB);
    fill(small, 100, 1);
    fill(span, 100000, 2);
    fill(huge, 5 * MIB, 3);
    for (size_t i = 0; i < COUNT(TOO_MUCH); i++) {
        size_t n = TOO_MUCH[i];
        REFUSED(malloc(n));
        REFUSED(calloc(n, 1));
        REFUSED(calloc(1, n));
        REFUSED(realloc(NULL, n));
        REFUSED(realloc(small, n));
        REFUSED(realloc(span, n));
        REFUSED(realloc(huge, n));
        REFUSED(reallocarray(NULL, n, 1));
        REFUSED(reallocarray(small, 1, n));
        REFUSED(valloc(n));
        REFUSED(pvalloc(n));
        for (size_t align = 1; align <= GIB; align *= 4) {
            REFUSED(aligned_alloc(align, n));
            REFUSED(memalign(align, n));
        }
    }
    CHECK(broken(small, 100, 1) == 100, "a failed realloc touches nothing");
    CHECK(broken(span, 100000, 2) == 100000);
    CHECK(broken(huge, 5 * MIB, 3) == 5 * MIB);
    free(small);
    free(span);
    free(huge);
}

static void products_are_checked(void) {
    static const size_t PAIRS[][2] = {{SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX / 2 + 1, 2},
        {(size_t)1 << 32, (size_t)1 << 32}, {SIZE_MAX / 3 + 1, 3}, {65537, SIZE_MAX / 65536},
        {(size_t)1 << 62, 4}, {((size_t)1 << 62) + 1, 4}, {SIZE_MAX, SIZE_MAX}};
    char *block = malloc(64);
    fill(block, 64, 9);
    for (size_t i = 0; i < COUNT(PAIRS); i++) {
        size_t n = PAIRS[i][0], size = PAIRS[i][1];
        REFUSED(calloc(n, size));
        REFUSED(reallocarray(NULL, n, size));
        REFUSED(reallocarray(block, n, size));
    }
    CHECK(broken(block, 64, 9) == 64);
    free(block);
}

// `posix_memalign` says why, and leaves its argument and errno alone.
static void posix_memalign_fails_cleanly(void) {
    static const size_t BAD[] = {0, 1, 2, 3, 4, 5, 7, 9, 12, 24, 48, 63, 65, 96, 4095, 4097,
        SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2};
    int marker;
    for (size_t i = 0; i < COUNT(BAD); i++) {
        void *block = &marker;
        errno = 4321;
        CHECK(posix_memalign(&block, BAD[i], 8) == EINVAL, "align %zu", BAD[i]);
        CHECK(block == &marker && errno == 4321, "align %zu", BAD[i]);
    }
    for (size_t i = 0; i < COUNT(TOO_MUCH); i++) {
        for (size_t align = 8; align != 0; align *= 2) {
            void *block = &marker;
            errno = 4321;
            CHECK(posix_memalign(&block, align, TOO_MUCH[i]) == ENOMEM, "align %zu", align);
            CHECK(block == &marker && errno == 4321, "align %zu", align);
        }
    }
    void *block = &marker;
    CHECK(posix_memalign(&block, (size_t)1 << 63, 1) == ENOMEM);
    CHECK(block == &marker);
}

static void bad_alignments(void) {
    static const size_t BAD[] = {3, 5, 6, 7, 9, 12, 24, 48, 65, 96, 1000, 4097, 65537};
    for (size_t i = 0; i < COUNT(BAD); i++) {
        errno = 0;
        CHECK(aligned_alloc(BAD[i], 100) == NULL && errno == EINVAL, "align %zu", BAD[i]);
        // Rounded up.
        size_t align = 1;
        while (align < BAD[i])
            align *= 2;
        void *block = memalign(BAD[i], 100);
        CHECK(block != NULL && is_aligned(block, align), "align %zu", BAD[i]);
        free(block);
    }
    errno = 0;
    CHECK(aligned_alloc(0, 100) == NULL && errno == EINVAL);
    void *block = memalign(0, 100);
    CHECK(block != NULL && is_aligned(block, 16));
    free(block);
    errno = 0;
    CHECK(memalign(((size_t)1 << 63) + 1, 1) == NULL && errno == EINVAL);
    errno = 0;
    CHECK(memalign((size_t)1 << 63, 1) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(aligned_alloc((size_t)1 << 62, (size_t)1 << 62) == NULL && errno == ENOMEM);
    // A size need not be a multiple of the alignment.
    block = aligned_alloc(4096, 5);
    CHECK(block != NULL && is_aligned(block, 4096));
    free(block);
}

int main(void) {
    too_much_is_refused();
    products_are_checked();
    posix_memalign_fails_cleanly();
    bad_alignments();
    return 0;
}
