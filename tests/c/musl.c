// static
// compiler: musl-gcc
// cflags: -static
// Another libc: the archive in a static program on musl.
#include "check.h"
#include <sys/wait.h>

static void *work(void *unused) {
    for (int i = 0; i < 1000; i++) {
        char *block = malloc(i * 40 + 1);
        CHECK(block != NULL);
        fill(block, i * 40 + 1, i);
        CHECK(broken(block, i * 40 + 1, i) == (size_t)i * 40 + 1);
        free(block);
    }
    return unused;
}

int main(void) {
    void *block = malloc(16);
    CHECK(free_sized != NULL, "not hakmem's");
    free(block);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
        pthread_join(thread, NULL);
    }
    pid_t child = fork();
    if (child == 0) {
        work(NULL);
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
