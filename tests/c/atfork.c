// Handlers of pthread_atfork that allocate and free, before and after, in parent and child; and
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
        if (child == 0)
            _exit(next == 0 ? 0 : 1);
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
