// Alignments from 1 B to 1 GiB with sizes below, at and above them.
#include "check.h"

#define N_KINDS 3

static void *get(int kind, size_t align, size_t size) {
    void *block = NULL;
    switch (kind) {
    case 0:
        if (align < sizeof(void *))
            return aligned_alloc(align, size);
        return posix_memalign(&block, align, size) == 0 ? block : NULL;
    case 1: return aligned_alloc(align, size);
    default: return memalign(align, size);
    }
}

// The first and the last 64 bytes of a block, so that large ones stay mostly untouched.
static void stamp(char *block, size_t size, size_t tag) {
    size_t end = size < 64 ? size : 64;
    fill(block, end, tag);
    fill(block + size - end, end, tag);
}

static void check_stamp(const char *block, size_t size, size_t tag) {
    size_t end = size < 64 ? size : 64;
    CHECK(broken(block + size - end, end, tag) == end, "block %zu of %zu bytes", tag, size);
    if (size >= 2 * end)
        CHECK(broken(block, end, tag) == end, "block %zu of %zu bytes", tag, size);
}

static void one_alignment(size_t align) {
    size_t sizes[] = {0, 1, 8, 15, 16, 17, 24, 100, 4096, 40000, align / 2 + 1, align - 1, align,
        align + 1, align * 3, align * 5 + 7};
    char *blocks[COUNT(sizes) * N_KINDS];
    size_t kept[COUNT(blocks)];
    size_t n = 0;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        if (sizes[i] > 64 * MIB && sizes[i] > align)
            continue;
        for (int kind = 0; kind < N_KINDS; kind++) {
            // Of what takes much address space one at a time.
            int alone = align >= 64 * MIB;
            char *block = get(kind, align, sizes[i]);
            CHECK(block != NULL, "%zu bytes, align %zu", sizes[i], align);
            CHECK(is_aligned(block, align), "%p, align %zu", block, align);
            CHECK(is_aligned(block, 16), "%p, align %zu", block, align);
            CHECK(malloc_usable_size(block) >= sizes[i]);
            stamp(block, sizes[i], n);
            if (alone) {
                check_stamp(block, sizes[i], n);
                free(block);
                continue;
            }
            blocks[n] = block;
            kept[n++] = sizes[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        check_stamp(blocks[i], kept[i], i);
    for (size_t i = 0; i < n; i++)
        free(blocks[n - 1 - i]);
}

int main(void) {
    for (int round = 0; round < 2; round++)
        for (size_t align = 1; align <= GIB; align *= 2)
            one_alignment(align);
    return 0;
}
