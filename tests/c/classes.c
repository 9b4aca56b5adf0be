// Every class, every length of a span, and huge blocks: usable size, alignment, and every byte of every
// block its own.
#include "check.h"

enum { MOST = 300 };

static char *blocks[MOST];

// Blocks with `usable` bytes each, written to their last byte, and nothing of another block in them.
static void fill_all(size_t usable, int n) {
    for (int i = 0; i < n; i++) {
        blocks[i] = malloc(usable);
        CHECK(blocks[i] != NULL && is_aligned(blocks[i], 16), "%zu bytes", usable);
        CHECK(malloc_usable_size(blocks[i]) == usable, "%zu bytes", usable);
        fill(blocks[i], usable, (size_t)i + usable);
    }
    for (int i = 0; i < n; i++) {
        CHECK(broken(blocks[i], usable, (size_t)i + usable) == usable, "%zu bytes", usable);
        CHECK(malloc_usable_size(blocks[i]) == usable, "it changed: %zu bytes", usable);
    }
}

static void free_all(int n) {
    // Every second one first, so that blocks come back between others that are in use.
    for (int i = 0; i < n; i += 2)
        free(blocks[i]);
    for (int i = 1; i < n; i += 2)
        free(blocks[i]);
}

// A class is what has one usable size: found by asking for every size.
static size_t every_class(void) {
    size_t n_classes = 0, last = 0;
    for (size_t size = 0; size <= 33000; size++) {
        char *block = malloc(size);
        size_t usable = malloc_usable_size(block);
        CHECK(usable >= size && usable >= last, "%zu usable of %zu, %zu before", usable, size, last);
        free(block);
        if (usable == last)
            continue;
        CHECK(last == 0 || size == last + 1, "%zu bytes do not fit in %zu", size, last);
        last = usable;
        n_classes++;
        int n = usable < 2000 ? MOST : 40;
        for (int round = 0; round < 2; round++) {
            fill_all(usable, n);
            free_all(n);
        }
    }
    return n_classes;
}

// What is asked for with an alignment gets it, of every class that has blocks of that size.
static void every_alignment(void) {
    for (size_t size = 1; size <= 40000; size += 1 + size / 16) {
        for (size_t align = 8; align <= 64 * KIB; align *= 2) {
            for (int i = 0; i < 4; i++) {
                void *block = NULL;
                CHECK(posix_memalign(&block, align, size) == 0);
                CHECK(is_aligned(block, align < 16 ? 16 : align), "%zu, align %zu", size, align);
                size_t usable = malloc_usable_size(block);
                CHECK(usable >= size, "%zu, align %zu", size, align);
                fill(block, usable, align + (size_t)i);
                blocks[i] = block;
            }
            for (int i = 0; i < 4; i++) {
                size_t usable = malloc_usable_size(blocks[i]);
                CHECK(broken(blocks[i], usable, align + (size_t)i) == usable, "%zu, align %zu", size,
                    align);
                free(blocks[i]);
            }
        }
    }
}

static void spans_and_huge_blocks(void) {
    for (size_t size = 33 * KIB; size <= 5 * MIB; size += size < MIB ? 21 * KIB : 311 * KIB) {
        char *block = malloc(size);
        size_t usable = malloc_usable_size(block);
        CHECK(usable >= size, "%zu of %zu", usable, size);
        free(block);
        fill_all(usable, 5);
        free_all(5);
    }
}

int main(void) {
    CHECK(every_class() >= 10);
    every_alignment();
    spans_and_huge_blocks();
    return 0;
}
