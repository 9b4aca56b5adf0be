// Handlers of pthread_atfork that allocate and free, before and after, in parent and child, entered
// before hakmem's and after them; the first one starts a thread in the child that allocates. And
// posix_spawn, popen and system, whose children begin in our memory.
#include "check.h"
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

extern char **environ;

static char *kept[8];
static int next;
static atomic_int stop;

static void allocate(void) {
    CHECK((kept[next] = malloc(100 + 40000 * next)) != NULL);
    kept[next][0] = 'k';
    next = (next + 1) % 8;
}

static void release(void) {
    next = (next + 7) % 8;
    CHECK(kept[next] != NULL && kept[next][0] == 'k');
    free(kept[next]);
    kept[next] = NULL;
    free(malloc(3000));
}

static void *heir(void *unused) {
    char *blocks[500];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 500; i++) {
            CHECK((blocks[i] = malloc(i * 9)) != NULL);
            fill(blocks[i], i * 9, i + round);
        }
        sched_yield();
        for (int i = 0; i < 500; i++) {
            CHECK(broken(blocks[i], i * 9, i + round) == (size_t)i * 9, "handed out twice");
            free(blocks[i]);
        }
    }
    return unused;
}

static pthread_t of_the_child;

static void start_a_thread(void) {
    CHECK(pthread_create(&of_the_child, NULL, heir, NULL) == 0);
    usleep(100);
}

// Before the first allocation, and so before hakmem's own handlers.
static void before_all(void) {
    if (pthread_atfork(NULL, NULL, start_a_thread) != 0)
        abort();
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = before_all;

static void *other(void *unused) {
    for (int i = 0; !stop; i++)
        free(malloc(i % 3000));
    return unused;
}

int main(void) {
    pthread_t thread;
    int status = -1;
    for (int i = 0; i < 4; i++)
        CHECK(pthread_atfork(allocate, release, release) == 0);
    CHECK(pthread_create(&thread, NULL, other, NULL) == 0);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            heir(NULL);
            pthread_join(of_the_child, NULL);
            _exit(next == 0 ? 0 : 1);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0, "%#x", status);
    }
    for (int i = 0; i < 20; i++) {
        pid_t child = 0;
        char *argv[] = {"true", NULL};
        CHECK(posix_spawnp(&child, "true", NULL, NULL, argv, environ) == 0);
        CHECK(waitpid(child, &status, 0) == child && status == 0, "%#x", status);
        FILE *pipe = popen("echo text", "r");
        char line[16] = "";
        CHECK(pipe != NULL && fgets(line, sizeof line, pipe) != NULL);
        CHECK(strcmp(line, "text\n") == 0 && pclose(pipe) == 0);
        CHECK(system("exit 7") == 7 << 8);
    }
    stop = 1;
    pthread_join(thread, NULL);
    return 0;
}
