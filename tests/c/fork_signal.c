// A signal handler forks while its thread is inside malloc or free; the parent goes on.
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { N_FORKS = 300, N_SLOTS = 500 };

static volatile sig_atomic_t n_forks, n_bad;

static void handler(int signal) {
    (void)signal;
    int saved = errno, status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        n_bad++;
    n_forks++;
    errno = saved;
}

int main(void) {
    static char *blocks[N_SLOTS];
    static size_t sizes[N_SLOTS];
    uint64_t random = 99;
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval every = {{0, 1500}, {0, 1500}};
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    while (n_forks < N_FORKS) {
        size_t i = next_random(&random) % N_SLOTS, size = random_size(&random) % 100000;
        size_t written = sizes[i] < 500 ? sizes[i] : 500;
        CHECK(broken(blocks[i], written, i) == written);
        free(blocks[i]);
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        sizes[i] = size;
        fill(blocks[i], size < 500 ? size : 500, i);
    }
    CHECK(n_bad == 0, "%d", (int)n_bad);
    return 0;
}
