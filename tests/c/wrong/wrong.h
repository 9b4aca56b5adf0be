// What the wrong programs share.
#ifndef WRONG_H
#define WRONG_H
#include "check.h"
#include <sys/mman.h>

// Exit status of a program that could not do what it is about: on an allocator that lacks a
// function, or gives memory back at another time.
#define NOT_HERE 76

// Prints the address that the fault is to name, without using memory, and hides it from the
// compiler.
static inline char *named(const void *block) {
    char line[32];
    int n = snprintf(line, sizeof line, "%p\n", block);
    CHECK(write(STDOUT_FILENO, line, (size_t)n) == n);
    return (char *)opaque((void *)(uintptr_t)block);
}

// Runs `work` in a thread of its own, to its end.
static inline void in_thread(void *(*work)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

// `n` blocks of `size` bytes each.
static inline void allocate(char **blocks, size_t n, size_t size) {
    for (size_t i = 0; i < n; i++)
        CHECK((blocks[i] = (char *)malloc(size)) != NULL);
}

// Frees the block at every `step`-th place.
static inline void free_every(char **blocks, size_t n, size_t step) {
    for (size_t i = 0; i < n; i += step)
        free(blocks[i]);
}

// Has the allocator use what is free, all of one size, again and again: what lies in wait comes
// out of a quarantine.
static inline void churn(size_t size) {
    static char *blocks[1024];
    for (int round = 0; round < 64; round++) {
        allocate(blocks, COUNT(blocks), size);
        free_every(blocks, COUNT(blocks), 1);
    }
}

// Whether there is memory at this address.
static inline int is_mapped(const void *address) {
    unsigned char resident;
    void *page = (void *)((uintptr_t)address & ~(uintptr_t)4095);
    return mincore(page, 4096, &resident) == 0;
}

// The first byte behind the pages of a block of `size` bytes. Where nothing is, something is put:
// not every allocator has a guard there, and what is there by chance need not be accessible.
static inline volatile char *behind_pages(size_t size) {
    int protection = PROT_READ | PROT_WRITE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    char *end = NULL;
    for (int attempt = 0; attempt < 8; attempt++) {
        char *block = (char *)malloc(size);
        CHECK(block != NULL);
        end = block + malloc_usable_size(block);
        end += -(uintptr_t)end % 4096;
        if (mmap(end, 4096, protection, flags, -1, 0) == (void *)end)
            break;
    }
    return named(end);
}

#endif
