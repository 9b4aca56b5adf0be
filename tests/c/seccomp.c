// timeout-s: 120
// Sandboxes that refuse system calls, by EPERM, ENOSYS or ENOMEM: what is refused is a feature that
// is absent, or memory that there is not. Never an abort, never a block lost for good.
#include "seccomp.h"
#include <sys/wait.h>

enum { N_BLOCKS = 3000 };

struct Block {
    char *bytes;
    size_t size;
};

static struct Block blocks[N_BLOCKS];

// Returns how many could be had.
static int take_all(uint64_t random) {
    int n = 0;
    for (int i = 0; i < N_BLOCKS; i++) {
        size_t size = random_size(&random);
        blocks[i] = (struct Block){malloc(size), size};
        if (blocks[i].bytes != NULL) {
            fill(blocks[i].bytes, size < 3000 ? size : 3000, i);
            n++;
        } else {
            CHECK(errno == ENOMEM, "errno %d", errno);
        }
    }
    return n;
}

static void give_all(void) {
    errno = 4321;
    for (int i = 0; i < N_BLOCKS; i++) {
        struct Block *block = &blocks[i * 7 % N_BLOCKS];
        size_t written = block->size < 3000 ? block->size : 3000;
        if (block->bytes != NULL)
            CHECK(broken(block->bytes, written, i * 7 % N_BLOCKS) == written);
        free(block->bytes);
        block->bytes = NULL;
    }
    CHECK(errno == 4321, "errno %d", errno);
    malloc_trim(0);
}

static void *in_a_thread(void *unused) {
    free(calloc(3, 100000));
    free(malloc(100));
    return unused;
}

static void resize(void) {
    char *block = malloc(2 * MIB);
    if (block == NULL)
        return;
    fill(block, 2 * MIB, 1);
    char *larger = realloc(block, 40 * MIB);
    block = larger != NULL ? larger : block;
    CHECK(broken(block, 2 * MIB, 1) == 2 * MIB);
    block = realloc(block, MIB);
    CHECK(block != NULL && broken(block, MIB, 1) == MIB);
    free(block);
}

// All that a program does, with the threads that there can be.
static void live(int all_of_it) {
    for (int round = 0; round < 3; round++) {
        int n = take_all(round + 1);
        CHECK(!all_of_it || n == N_BLOCKS, "%d blocks of %d", n, N_BLOCKS);
        give_all();
        resize();
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, in_a_thread, NULL) == 0)
        pthread_join(thread, NULL);
}

static void no_advice(void) {
    int calls[] = {SYS_madvise, SYS_prctl, SYS_getrandom, SYS_membarrier, SYS_getcpu, SYS_sysinfo,
        SYS_sched_yield, SYS_open, SYS_openat, SYS_readlink};
    refuse(calls, COUNT(calls), EPERM);
    live(1);
}

static void nothing_new(void) {
    int calls[] = {SYS_madvise, SYS_getrandom, SYS_membarrier, SYS_mremap, SYS_prctl, SYS_openat};
    refuse(calls, COUNT(calls), ENOSYS);
    live(1);
}

// A pthread's stack needs mprotect; the allocator does not.
static void no_protection(void) {
    int calls[] = {SYS_mprotect};
    refuse(calls, COUNT(calls), EPERM);
    live(1);
}

static void no_way_back(void) {
    int calls[] = {SYS_munmap, SYS_madvise, SYS_mremap};
    refuse(calls, COUNT(calls), EINVAL);
    live(1);
}

// As with overcommit mode 2: what is large is refused, at whatever protection.
static void nothing_large(void) {
    struct sock_filter filter[] = {
        LOAD(offsetof(struct seccomp_data, nr)), IF_EQUAL(SYS_mmap, 5), LOAD(ARGUMENT(1) + 4),
        IF_ABOVE(0, 1), REFUSE(ENOMEM), LOAD(ARGUMENT(1)), IF_ABOVE(16 << 20, 1), REFUSE(ENOMEM),
        ALLOW,
    };
    filter[1].jf = 6;
    install(filter, COUNT(filter));
    for (int round = 0; round < 3; round++) {
        CHECK(take_all(round + 1) == N_BLOCKS);
        give_all();
    }
    CHECK(malloc(64 * MIB) == NULL && errno == ENOMEM);
}

// No mapping at all from here on: what is there is used up, and can be had again.
static void nothing_more(void) {
    int calls[] = {SYS_mmap, SYS_mremap, SYS_brk};
    CHECK(take_all(1) == N_BLOCKS);
    give_all();
    refuse(calls, COUNT(calls), ENOMEM);
    int first = take_all(2);
    give_all();
    int second = take_all(2);
    give_all();
    CHECK(second >= first - first / 50, "%d blocks, then %d", first, second);
    live(0);
}

// From the first call of a program on.
static void from_the_start(void) {
    int calls[] = {SYS_madvise, SYS_getrandom, SYS_membarrier, SYS_sysinfo};
    refuse(calls, COUNT(calls), EPERM);
    execl("/proc/self/exe", "seccomp", "", "live", NULL);
    CHECK(0, "execl");
}

// Anything but these calls ends the process: memory, waiting, the time, and prctl for the names of
// mappings.
static void strictly(void) {
    struct sock_filter filter[64];
    int calls[] = {SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect, SYS_brk,
        SYS_futex, SYS_write, SYS_prctl, SYS_exit, SYS_exit_group, SYS_clock_gettime};
    size_t at = 0;
    filter[at++] = (struct sock_filter)LOAD(offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT(calls); i++) {
        filter[at++] = (struct sock_filter)IF_EQUAL((unsigned)calls[i], 1);
        filter[at++] = (struct sock_filter)ALLOW;
    }
    filter[at++] = (struct sock_filter)ANSWER(SECCOMP_RET_KILL_PROCESS);
    install(filter, at);
    for (int round = 0; round < 3; round++) {
        CHECK(take_all(round + 1) == N_BLOCKS);
        give_all();
        resize();
    }
}

int main(int argc, char **argv) {
    static void (*const SANDBOXES[])(void) = {no_advice, nothing_new, no_protection, no_way_back,
        nothing_large, nothing_more, from_the_start, strictly};
    if (argc == 3 && strcmp(argv[2], "live") == 0) {
        live(1);
        return 0;
    }
    for (size_t i = 0; i < COUNT(SANDBOXES); i++) {
        pid_t child = fork();
        if (child == 0) {
            SANDBOXES[i]();
            _exit(0);
        }
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            return 77;
        CHECK(status == 0, "sandbox %zu: status %#x", i, status);
    }
    return 0;
}
