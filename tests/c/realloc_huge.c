// only: default a hardened block that grows is copied
// A huge block grows where it is, or its pages move: they are not copied. It shrinks where it is.
#include "check.h"
#include <sys/resource.h>

enum { GROW = 40 };

static size_t step_of(size_t i) { return i * 999983; }

// A mark on every page or so, and at both ends.
static void mark(char *block, size_t size, size_t tag) {
    for (size_t at = 0; at < size; at += 4001)
        block[at] = (char)pattern(tag, at);
    block[size - 1] = (char)pattern(tag, size - 1);
}

static void check_marks(const char *block, size_t size, size_t tag) {
    for (size_t at = 0; at < size; at += 4001)
        CHECK(block[at] == (char)pattern(tag, at), "byte %zu of %zu", at, size);
}

static size_t peak(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (size_t)usage.ru_maxrss * KIB;
}

static int moved, stayed;

static char *resize(char *block, size_t from, size_t to, size_t tag) {
    uintptr_t old = (uintptr_t)block;
    block = realloc(block, to);
    CHECK(block != NULL, "%zu to %zu", from, to);
    CHECK(malloc_usable_size(block) >= to, "%zu to %zu", from, to);
    check_marks(block, from < to ? from : to, tag);
    (uintptr_t)block == old ? stayed++ : moved++;
    return block;
}

// Two blocks that grow in turns are in each other's way.
static void two_grow(void) {
    size_t size = 2 * MIB;
    char *a = malloc(size), *b = malloc(size);
    mark(a, size, 1);
    mark(b, size, 2);
    for (size_t i = 1; i <= GROW; i++) {
        size_t larger = 2 * MIB + step_of(i);
        a = resize(a, size, larger, 1);
        b = resize(b, size, larger, 2);
        mark(a, larger, 1);
        mark(b, larger, 2);
        size = larger;
    }
    CHECK(moved > 0 && stayed > 0, "%d moved, %d stayed", moved, stayed);
    for (size_t i = GROW; i > 0; i--) {
        size_t smaller = 2 * MIB + step_of(i - 1);
        uintptr_t old = (uintptr_t)a;
        a = resize(a, size, smaller, 1);
        CHECK((uintptr_t)a == old, "shrinks where it is");
        b = resize(b, size, smaller, 2);
        size = smaller;
    }
    free(a);
    free(b);
}

// Were it copied, both would be resident at once.
static void a_move_is_no_copy(void) {
    size_t size = 256 * MIB;
    char *block = malloc(size);
    mark(block, size, 3);
    size_t before = peak();
    CHECK(before >= size);
    int moves = moved;
    void *beside[8];
    for (size_t i = 0; i < COUNT(beside); i++) {
        // Whatever is free behind the block is somebody's, so that it has to move.
        beside[i] = malloc(4 * MIB);
        block = resize(block, size, size + 4 * MIB, 3);
        size += 4 * MIB;
        mark(block, size, 3);
    }
    for (size_t i = 0; moved == moves && i < 64; i++) {
        block = resize(block, size, size + 64 * MIB, 3);
        size += 64 * MIB;
        block[size - 1] = (char)pattern(3, size - 1);
    }
    CHECK(moved > moves, "it never had to move");
    CHECK(peak() < before + 128 * MIB, "%zu, %zu before", peak(), before);
    for (size_t i = 0; i < COUNT(beside); i++)
        free(beside[i]);
    free(block);
}

int main(void) {
    two_grow();
    a_move_is_no_copy();
    return 0;
}
