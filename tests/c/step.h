// Runs a call one instruction at a time: a trap after each, in the running thread. And blocks that
// are checked against each other: whether one was handed out twice shows in their contents.
#ifndef STEP_H
#define STEP_H
#include "check.h"
#include <signal.h>

#ifndef __x86_64__
#error "the trap flag is x86's"
#endif

enum { TRAP_FLAG = 0x100 };

// Called after each instruction, with its number since `step_start`.
static void (*step_action)(long number);
static __thread volatile long step_number;

static void step_trap(int signal) {
    (void)signal;
    int saved = errno;
    step_action(step_number++);
    errno = saved;
}

static void step_prepare(void (*action)(long number)) {
    step_action = action;
    struct sigaction trap = {.sa_handler = step_trap, .sa_flags = SA_NODEFER};
    CHECK(sigaction(SIGTRAP, &trap, NULL) == 0);
}

// Below the red zone: the flags go over the stack.
#define STEP_FLAGS(change)                                                     \
    __asm__ volatile("sub $128, %%rsp\n\tpushf\n\t" change                     \
                     "\n\tpopf\n\tadd $128, %%rsp" ::: "cc", "memory")

static inline void step_start(void) {
    step_number = 0;
    STEP_FLAGS("orl $0x100, (%%rsp)");
}

static inline void step_stop(void) { STEP_FLAGS("andl $~0x100, (%%rsp)"); }

enum { N_LIVE = 600 };

struct Live {
    char *volatile block;
    size_t size, tag;
};

// What a thread holds. A block is entered when it is there, and taken out before it is freed.
static void keep(struct Live *live, char *block, size_t size) {
    CHECK(block != NULL);
    static size_t next_tag;
    live->tag = __atomic_fetch_add(&next_tag, 1, __ATOMIC_RELAXED);
    fill(block, size, live->tag);
    live->size = size;
    live->block = block;
}

static void check_live(const struct Live *live, int n, const char *who) {
    for (int i = 0; i < n; i++) {
        char *block = live[i].block;
        if (block != NULL)
            CHECK(broken(block, live[i].size, live[i].tag) == live[i].size,
                "%s: block %d of %zu bytes was handed out again", who, i, live[i].size);
    }
}

static char *take_out(struct Live *live) {
    char *block = live->block;
    live->block = NULL;
    return block;
}

#endif
