// What the programs here share: CHECK, patterns, memory in use, and names that not every libc
// declares.
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#ifndef HAKMEM_H
#ifdef __cplusplus
extern "C" {
#endif
// C23, and what C had before `free`: weak, because the libc that we link with may have none.
__attribute__((weak)) void free_sized(void *block, size_t size);
__attribute__((weak)) void free_aligned_sized(void *block, size_t align, size_t size);
__attribute__((weak)) void cfree(void *block);
#ifdef __cplusplus
}
#endif
#endif

// Ends the program with a message unless `condition`. `_exit`, because the process that fails may
// be a forked child.
#define CHECK(condition, ...)                                                  \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);    \
            fprintf(stderr, "" __VA_ARGS__);                                   \
            fputc('\n', stderr);                                               \
            _exit(1);                                                          \
        }                                                                      \
    } while (0)

// Hides a value from the compiler, which knows what `malloc` does.
static inline void *opaque(void *value) {
    __asm__ volatile("" : "+r"(value) : : "memory");
    return value;
}

static inline int is_aligned(const void *block, size_t align) {
    return ((uintptr_t)block & (align - 1)) == 0;
}

// The byte that belongs at `index` of the block `tag`.
static inline unsigned char pattern(size_t tag, size_t index) {
    return (unsigned char)(tag * 31 + index * 7 + (index >> 8) + 1);
}

static inline void fill(void *block, size_t size, size_t tag) {
    unsigned char *bytes = (unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(tag, i);
}

// Where the pattern of `tag` is broken, or `size`.
static inline size_t broken(const void *block, size_t size, size_t tag) {
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != pattern(tag, i))
            return i;
    return size;
}

// Where the first byte is that is not zero, or `size`.
static inline size_t first_nonzero(const void *block, size_t size) {
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return i;
    return size;
}

// xorshift: each thread has its own state.
static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// A size as programs ask for them: mostly small, now and then a span or a huge block.
static inline size_t random_size(uint64_t *state) {
    uint64_t roll = next_random(state);
    size_t low = (size_t)(roll >> 32);
    switch (roll % 64) {
    case 0: return low % (3 * MIB);
    case 1: case 2: return low % (200 * KIB);
    case 3: case 4: case 5: case 6: return low % (32 * KIB);
    default: return low % 1024;
    }
}

// Resident bytes of this process. Allocates nothing.
static inline size_t resident(void) {
    char text[128] = "";
    unsigned long total = 0, pages = 0;
    int statm = open("/proc/self/statm", O_RDONLY);
    CHECK(statm >= 0 && read(statm, text, sizeof text - 1) > 0, "no /proc/self/statm");
    CHECK(sscanf(text, "%lu %lu", &total, &pages) == 2);
    close(statm);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

// After `warm_up` rounds, `rounds` more make the process at most `more` bytes larger.
static inline void stays_flat(void (*run)(int rounds), int warm_up, int rounds, size_t more) {
    run(warm_up);
    size_t before = resident();
    run(rounds);
    size_t after = resident();
    CHECK(after < before + more, "%zu KiB to %zu KiB", before / KIB, after / KIB);
}

#endif
