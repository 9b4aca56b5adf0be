// timeout-s: 120
// only: default every call is a slow path on the hardened one, so most heaps are lost
// A chain of two hundred forks, each from a process whose other threads are allocating. Every child
// frees what it inherited, allocates as much again, and starts threads of its own: what the threads
// that it does not have left behind is used again, so memory stays flat.
#include "check.h"
#include <stdatomic.h>
#include <sys/wait.h>

enum { N_THREADS = 4, N_FORKS = 200, WARM_UP = 20, N_SLOTS = 4000 };

// A heap that is cut off in a slow path is lost: on a busy machine up to 70 MB in all. With all heaps
// lost it is 17 MB a fork.
#define MOST (256 * MIB)

struct Block {
    size_t size;
    unsigned char bytes[];
};

static _Atomic(struct Block *) slots[N_SLOTS];
static size_t resident_before;

static struct Block *make(uint64_t *random) {
    size_t size = next_random(random) % 64 ? next_random(random) % 2000 : next_random(random) % 60000;
    struct Block *block = malloc(sizeof *block + size);
    CHECK(block != NULL);
    block->size = size;
    fill(block->bytes, size < 64 ? size : 64, size);
    return block;
}

static void drop(struct Block *block) {
    if (block == NULL)
        return;
    size_t written = block->size < 64 ? block->size : 64;
    CHECK(broken(block->bytes, written, block->size) == written, "a block of %zu", block->size);
    free(block);
}

// Bursts, with a pause in between, as threads do that wait for work.
static void *work(void *seed) {
    uint64_t random = 0x9E3779B97F4A7C15u * ((uintptr_t)seed + 1);
    for (;;) {
        for (int i = 0; i < 200; i++)
            drop(atomic_exchange(&slots[next_random(&random) % N_SLOTS], make(&random)));
        usleep(100);
    }
    return NULL;
}

// What a process of the chain does, until it forks.
static void generation(int number) {
    uint64_t random = 4711 + number;
    for (int i = 0; i < N_SLOTS; i++)
        drop(atomic_exchange(&slots[i], NULL));
    for (int i = 0; i < N_SLOTS; i++)
        drop(atomic_exchange(&slots[i], make(&random)));
    size_t now = resident();
    if (number == WARM_UP)
        resident_before = now;
    if (number > WARM_UP)
        CHECK(now < resident_before + MOST, "fork %d: %zu KiB to %zu KiB", number,
            resident_before / KIB, now / KIB);
    for (uintptr_t i = 0; i < N_THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, work, (void *)(i + N_THREADS * number)) == 0);
    }
    usleep(2000);
}

int main(void) {
    int ends[2];
    char done = 0;
    CHECK(pipe(ends) == 0);
    pid_t first = fork();
    if (first == 0) {
        alarm(100);
        for (int number = 0; number < N_FORKS; number++) {
            generation(number);
            pid_t next = fork();
            CHECK(next >= 0);
            if (next > 0)
                _exit(0);
            alarm(30);
        }
        CHECK(write(ends[1], "d", 1) == 1);
        _exit(0);
    }
    // The end of the chain, or of what held the pipe.
    close(ends[1]);
    CHECK(read(ends[0], &done, 1) == 1 && done == 'd', "the chain broke");
    return 0;
}
