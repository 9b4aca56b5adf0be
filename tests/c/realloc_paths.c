// `realloc` keeps contents: within a class, between classes, spans and huge blocks, both ways.
#include "check.h"

static const size_t SIZES[] = {1, 15, 16, 17, 24, 100, 1000, 1024, 1025, 4096, 20000, 32768, 32769,
    65536, 65537, 128 << 10, 700000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, (2 << 20) + 1,
    5 << 20};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static void every_pair(void) {
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        for (size_t j = 0; j < COUNT(SIZES); j++) {
            size_t a = SIZES[i], b = SIZES[j], kept = smaller(a, b);
            char *block = malloc(a);
            CHECK(block != NULL, "%zu", a);
            fill(block, a, i);
            block = realloc(block, b);
            CHECK(block != NULL && is_aligned(block, 16), "%zu to %zu", a, b);
            CHECK(malloc_usable_size(block) >= b, "%zu to %zu", a, b);
            CHECK(broken(block, kept, i) == kept, "%zu to %zu", a, b);
            fill(block, b, j);
            block = realloc(block, a);
            CHECK(block != NULL, "%zu back to %zu", b, a);
            CHECK(broken(block, kept, j) == kept, "%zu back to %zu", b, a);
            free(block);
        }
    }
}

// Step by step through all tiers: 512 MiB by moving pages, of which only few are touched.
static void grows_to_half_a_gib(void) {
    size_t size = 1;
    char *block = malloc(size), *beside = NULL;
    fill(block, size, 5);
    while (size < 512 * MIB) {
        size_t touched = smaller(size, 8 * MIB);
        block = realloc(block, size * 2);
        CHECK(block != NULL, "%zu bytes", size * 2);
        CHECK(broken(block, touched, 5) == touched, "%zu bytes", size * 2);
        if (size > 8 * MIB)
            CHECK(block[size - 1] == 'e', "the last byte of %zu", size);
        size *= 2;
        fill(block, smaller(size, 8 * MIB), 5);
        block[size - 1] = size > 8 * MIB ? 'e' : block[size - 1];
        // Something behind it, so that it cannot always grow where it is.
        free(beside);
        beside = malloc(smaller(size, 4 * MIB));
    }
    while (size > 1) {
        size /= 2;
        block = realloc(block, size);
        CHECK(block != NULL, "down to %zu", size);
        size_t touched = smaller(size, 8 * MIB - 1);
        CHECK(broken(block, touched, 5) == touched, "down to %zu", size);
    }
    free(beside);
    free(block);
}

static void byte_by_byte(void) {
    char *block = NULL;
    for (size_t size = 1; size < 200000; size += 1 + size / 50) {
        block = realloc(block, size);
        CHECK(block != NULL, "%zu", size);
        block[size - 1] = pattern(1, size - 1);
    }
    CHECK(block[0] == (char)pattern(1, 0));
    free(block);
}

// Arrays that take turns: neighbours that are free at one time are not at another.
static void many_at_once(void) {
    enum { N = 64 };
    char *blocks[N] = {NULL};
    size_t sizes[N] = {0};
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 6000; round++) {
        size_t i = next_random(&random) % N, size = random_size(&random) + 1;
        char *block = realloc(blocks[i], size);
        size_t kept = smaller(size, sizes[i]);
        CHECK(block != NULL, "%zu to %zu", sizes[i], size);
        CHECK(broken(block, kept, i) == kept, "%zu to %zu", sizes[i], size);
        fill(block, size, i);
        blocks[i] = block;
        sizes[i] = size;
    }
    for (int i = 0; i < N; i++)
        free(blocks[i]);
}

static void aligned_blocks(void) {
    for (size_t align = 32; align <= 8 * MIB; align *= 2) {
        for (size_t i = 0; i < COUNT(SIZES); i += 3) {
            char *block = memalign(align, 3000);
            fill(block, 3000, align);
            block = realloc(block, SIZES[i]);
            size_t kept = smaller(SIZES[i], 3000);
            CHECK(block != NULL, "align %zu to %zu bytes", align, SIZES[i]);
            CHECK(broken(block, kept, align) == kept, "align %zu to %zu", align, SIZES[i]);
            free(block);
        }
    }
}

int main(void) {
    every_pair();
    grows_to_half_a_gib();
    byte_by_byte();
    many_at_once();
    aligned_blocks();
    return 0;
}
