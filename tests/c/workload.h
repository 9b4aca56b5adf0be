// A bit of everything, for programs whose memory is refused in one way or another: null and ENOMEM are
// answers, and everything else has to be right.
#ifndef WORKLOAD_H
#define WORKLOAD_H
#include "check.h"

enum { N_SLOTS = 48, N_STEPS = 260 };

struct Slot {
    char *bytes;
    size_t size;
};

struct Workload {
    struct Slot slots[N_SLOTS];
    uint64_t seed;
    size_t refused;
};

// The part of a block that is written and looked at: its begin, and its last byte.
static inline size_t marked(size_t size) {
    return size < 200 ? size : 200;
}

static inline void mark(struct Slot *slot) {
    size_t tag = (size_t)(uintptr_t)slot->bytes / 16;
    slot->bytes[slot->size - 1] = (char)slot->size;
    fill(slot->bytes, marked(slot->size - 1), tag);
}

static inline void check_marks(const struct Slot *slot, size_t size, const char *old) {
    size_t first = marked(size), tag = (size_t)(uintptr_t)old / 16;
    CHECK(broken(slot->bytes, first, tag) == first, "contents of %zu bytes", slot->size);
}

// Frees what is in the slot, if anything.
static inline void slot_free(struct Slot *slot) {
    if (slot->bytes == NULL)
        return;
    check_marks(slot, slot->size - 1, slot->bytes);
    CHECK(slot->bytes[slot->size - 1] == (char)slot->size, "the last of %zu bytes", slot->size);
    errno = 4321;
    free(slot->bytes);
    CHECK(errno == 4321, "errno %d", errno);
    slot->bytes = NULL;
}

// Whether there is a block; if not, counts that and wants ENOMEM.
static inline int granted(struct Workload *load, const void *block) {
    if (block != NULL)
        return 1;
    CHECK(errno == ENOMEM, "errno %d", errno);
    load->refused++;
    return 0;
}

static inline void slot_take(struct Workload *load, struct Slot *slot, size_t size) {
    slot_free(slot);
    errno = 0;
    size_t align = 16;
    switch (next_random(&load->seed) % 4) {
    case 0:
        slot->bytes = calloc(1, size);
        if (slot->bytes != NULL)
            CHECK(first_nonzero(slot->bytes, marked(size)) == marked(size), "dirty zeroes");
        break;
    case 1: {
        align = (size_t)16 << next_random(&load->seed) % 14;
        void *block = opaque(slot);
        int error = posix_memalign(&block, align, size);
        CHECK(error == 0 || (error == ENOMEM && block == slot), "error %d", error);
        slot->bytes = error == 0 ? block : NULL;
        errno = error;
        break;
    }
    default: slot->bytes = malloc(size);
    }
    slot->size = size;
    if (granted(load, slot->bytes)) {
        CHECK(is_aligned(slot->bytes, align), "%p for %zu", (void *)slot->bytes, align);
        CHECK(malloc_usable_size(slot->bytes) >= size);
        mark(slot);
    }
}

static inline void slot_resize(struct Workload *load, struct Slot *slot, size_t size) {
    char *old = slot->bytes;
    size_t same = (slot->size < size ? slot->size : size) - 1;
    errno = 0;
    char *bytes = realloc(old, size);
    if (!granted(load, bytes)) {
        CHECK(size > slot->size, "a smaller size was refused");
        check_marks(slot, slot->size - 1, old);
        return;
    }
    slot->bytes = bytes;
    check_marks(slot, same, old);
    slot->size = size;
    mark(slot);
}

// A size of any kind, none of them too large for a few of them to fit into 64 MiB.
static inline size_t workload_size(uint64_t *seed) {
    uint64_t roll = next_random(seed);
    size_t low = (size_t)(roll >> 32);
    switch (roll % 8) {
    case 0: return low % (3 * MIB) + 1;
    case 1: return low % (300 * KIB) + 1;
    case 2: case 3: return low % (32 * KIB) + 1;
    default: return low % 2000 + 1;
    }
}

// The same steps for the same seed.
static inline void *workload_run(void *argument) {
    struct Workload *load = (struct Workload *)argument;
    for (int step = 0; step < N_STEPS; step++) {
        struct Slot *slot = &load->slots[next_random(&load->seed) % N_SLOTS];
        size_t size = workload_size(&load->seed);
        uint64_t roll = next_random(&load->seed) % 8;
        if (slot->bytes != NULL && roll < 2)
            slot_free(slot);
        else if (slot->bytes != NULL && roll < 5)
            slot_resize(load, slot, size);
        else
            slot_take(load, slot, size);
    }
    return NULL;
}

// In this thread, then in another one that frees what this one left, if there can be one, then here
// again.
static inline void workload_run_threads(struct Workload *load) {
    pthread_t thread;
    pthread_attr_t small;
    workload_run(load);
    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstacksize(&small, 64 * KIB) == 0);
    int error = pthread_create(&thread, &small, workload_run, load);
    CHECK(error == 0 || error == EAGAIN || error == ENOMEM, "error %d", error);
    if (error == 0)
        CHECK(pthread_join(thread, NULL) == 0);
    else
        load->refused++;
    pthread_attr_destroy(&small);
    workload_run(load);
}

static inline void workload_end(struct Workload *load) {
    for (int i = 0; i < N_SLOTS; i++)
        slot_free(&load->slots[i]);
}

#endif
