// timeout-s: 300
// only: default every call is a slow path on the hardened one: too many steps
// A process forks between any two instructions of another thread's malloc and free. The child takes
// over what that thread left behind: no block of it is handed out twice.
#include "step.h"
#include <stdatomic.h>
#include <sched.h>
#include <sys/wait.h>

enum { SIZE = 48, OTHER = 700, N_HEIRS = 1500, ADOPTED = 40 };

static struct Live live[N_LIVE];
static char *foreign[200];
static atomic_int request, done;
static long every = 1, first;
static int n_forks, n_adopted;

// In the thread that is stepped: has the main thread fork now.
static void ask(long number) {
    if (number < first || (number - first) % every != 0)
        return;
    request = 1;
    while (request)
        sched_yield();
}

// Whether a block is in a unit where the lost thread has blocks.
static int is_near(const char *block) {
    for (int i = 0; i < N_LIVE; i++)
        if (live[i].block != NULL && (uintptr_t)live[i].block >> 16 == (uintptr_t)block >> 16)
            return 1;
    return 0;
}

// Takes over the orphan, and uses all that is free in it.
static void *inherit(void *unused) {
    static struct Live heirs[2 * N_HEIRS];
    for (int i = 0; i < 2 * N_HEIRS; i++) {
        size_t size = i % 2 ? SIZE : OTHER;
        keep(&heirs[i], malloc(size), size);
    }
    for (int i = 0; i < 100; i++)
        n_adopted += is_near(heirs[i].block);
    check_live(heirs, 2 * N_HEIRS, "an heir's");
    check_live(live, N_LIVE, "the lost thread's");
    for (int i = 0; i < 2 * N_HEIRS; i++)
        free(take_out(&heirs[i]));
    return unused;
}

static void child(void) {
    pthread_t heir;
    n_adopted = 0;
    alarm(30);
    CHECK(pthread_create(&heir, NULL, inherit, NULL) == 0);
    pthread_join(heir, NULL);
    check_live(live, N_LIVE, "the lost thread's");
    for (int i = 0; i < N_LIVE; i++)
        free(take_out(&live[i]));
    malloc_trim(0);
    _exit(n_adopted > 0 ? ADOPTED : 0);
}

static char *stepped_malloc(size_t size, long stride) {
    every = stride;
    step_start();
    char *block = malloc(size);
    step_stop();
    return block;
}

static void stepped_free(char *block, long stride) {
    every = stride;
    step_start();
    free(block);
    step_stop();
}

// Hits are cut at each instruction, the rest here and there: at other places in each call.
static void *work(void *unused) {
    for (int i = 0; i < N_LIVE; i++)
        keep(&live[i], malloc(i % 2 ? SIZE : OTHER), i % 2 ? SIZE : OTHER);
    for (int i = 0; i < 12; i++)
        free(take_out(&live[i]));
    for (int i = 0; i < 12; i++)
        keep(&live[i], stepped_malloc(i % 2 ? SIZE : OTHER, 1), i % 2 ? SIZE : OTHER);
    for (int i = 0; i < 12; i++)
        stepped_free(take_out(&live[i]), 1);
    for (int i = 12; i < N_LIVE; i++, first = i % 61)
        stepped_free(take_out(&live[i]), 61);
    for (int i = 0; i < N_LIVE; i++, first = i % 61)
        keep(&live[i], stepped_malloc(i % 2 ? SIZE : OTHER, 61), i % 2 ? SIZE : OTHER);
    for (int i = 0; i < 200; i++, first = i % 23)
        stepped_free(foreign[i], 23);
    done = 1;
    return unused;
}

int main(void) {
    pthread_t thread;
    for (int i = 0; i < 200; i++)
        CHECK((foreign[i] = malloc(SIZE)) != NULL);
    step_prepare(ask);
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    while (!done) {
        if (!request) {
            sched_yield();
            continue;
        }
        pid_t process = fork();
        if (process == 0)
            child();
        int status = -1;
        CHECK(process > 0 && waitpid(process, &status, 0) == process);
        CHECK(status == 0 || status == ADOPTED << 8, "fork %d: status %#x", n_forks, status);
        n_adopted += status != 0;
        n_forks++;
        request = 0;
    }
    pthread_join(thread, NULL);
    // Between two instructions of a hit the heap is whole.
    CHECK(n_forks > 500 && n_adopted > n_forks / 5, "%d forks, %d adopted", n_forks, n_adopted);
    return 0;
}
