// timeout-s: 180
// A thousand programs are started, by vfork, posix_spawn and fork, while other threads allocate.
// A child of vfork allocates in its parent's memory.
#include "check.h"
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

extern char **environ;

enum { N_EXECS = 1000 };

static char *const ARGUMENTS[] = {"true", NULL};
static atomic_int stop;
static char *of_the_child;

static void *work(void *seed) {
    uint64_t random = (uintptr_t)seed + 1;
    while (!stop) {
        char *block = malloc(1 + random_size(&random) % 100000);
        CHECK(block != NULL);
        block[0] = 1;
        free(block);
    }
    return NULL;
}

static pid_t start(int how) {
    pid_t child = -1;
    switch (how % 3) {
    case 0:
        CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, ARGUMENTS, environ) == 0);
        return child;
    case 1:
        child = vfork();
        if (child == 0) {
            of_the_child = malloc(3000 + how);
            execv("/bin/true", ARGUMENTS);
            _exit(127);
        }
        CHECK(of_the_child != NULL);
        free(of_the_child);
        return child;
    default:
        child = fork();
        if (child == 0) {
            free(malloc(how));
            execv("/bin/true", ARGUMENTS);
            _exit(127);
        }
        return child;
    }
}

int main(void) {
    pthread_t threads[2];
    for (uintptr_t i = 0; i < COUNT(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (int i = 0; i < N_EXECS; i++) {
        int status = -1;
        pid_t child = start(i);
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK(status == 0, "program %d: status %#x", i, status);
        // Most of them run alone: the time goes to the start of a program.
        if (i == 100)
            stop = 1;
    }
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    return 0;
}
