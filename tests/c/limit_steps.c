// timeout-s: 180
// An address space of 2 MiB, of 64 KiB more, and so on up to 64 MiB: each time the program starts and
// ends, with requests refused or without. What the loader cannot do, it says. Then the same limits for
// a process that runs already.
#include "memory.h"
#include "workload.h"
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define STEP (64 * KIB)
#define LEAST (2 * MIB)
#define MOST (64 * MIB)

enum { WORKED = 0, REFUSED = 3, NOT_LOADED = 127 };

static int work(void) {
    static struct Workload load = {.seed = 0x5DEECE66D};
    workload_run_threads(&load);
    workload_end(&load);
    return load.refused == 0 ? WORKED : REFUSED;
}

// The loader goes on without a library that it has no room for.
static int has_library(void) {
    const char *wanted = getenv("LD_PRELOAD");
    Dl_info info;
    return wanted != NULL && dladdr((void *)malloc, &info) != 0 && strcmp(info.dli_fname, wanted) == 0;
}

static void limit(size_t bytes) {
    struct rlimit wanted = {bytes, RLIM_INFINITY};
    CHECK(getrlimit(RLIMIT_AS, &wanted) == 0);
    wanted.rlim_cur = bytes;
    CHECK(setrlimit(RLIMIT_AS, &wanted) == 0);
}

// How a child ends that runs `program` anew, or goes on here if that is NULL.
static int ending(size_t bytes, char *program) {
    char *arguments[] = {program, "again", NULL};
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        limit(bytes);
        if (program == NULL)
            _exit(work());
        // What the loader has to say is not what we look for.
        freopen("/dev/null", "w", stderr);
        execv(program, arguments);
        _exit(NOT_LOADED);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

int main(int argc, char **argv) {
    size_t worked[2] = {0, 0}, refused[2] = {0, 0}, not_loaded = 0;
    if (argc > 1 && strcmp(argv[1], "again") == 0)
        return has_library() ? work() : NOT_LOADED;
    CHECK(has_library(), "not the library that is preloaded");
    size_t size = memory_now().mapped;
    for (size_t bytes = LEAST; bytes <= MOST; bytes += STEP) {
        for (int anew = 0; anew < 2; anew++) {
            int status = ending(anew ? bytes : size + bytes - LEAST, anew ? argv[0] : NULL);
            int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            // A program whose own pages do not fit is ended by the system.
            int killed = anew && worked[1] + refused[1] == 0 && WIFSIGNALED(status);
            CHECK(killed || code == WORKED || code == REFUSED || (anew && code == NOT_LOADED),
                "%zu KiB, %s: status %#x", bytes / KIB, anew ? "anew" : "running", status);
            worked[anew] += code == WORKED;
            refused[anew] += code == REFUSED;
            not_loaded += code == NOT_LOADED || killed;
        }
    }
    printf("running: %zu steps worked, %zu were refused something; anew: %zu, %zu, %zu not loaded\n",
        worked[0], refused[0], worked[1], refused[1], not_loaded);
    fflush(stdout);
    // Quarantine needs more than there is here: a program on the hardened library works at the end only.
    CHECK(worked[0] > 20 && refused[0] > 100 && worked[1] + refused[1] > 500 && refused[1] > 100);
    return 0;
}
