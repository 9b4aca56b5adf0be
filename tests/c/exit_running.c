// The process ends by every way there is, while threads are inside of malloc; handlers of exit and
// quick_exit allocate, and free what others allocated.
#include "check.h"
#include <sys/wait.h>

static char *kept[100];

static void *work(void *seed) {
    uint64_t random = (uintptr_t)seed + 99;
    for (;;) {
        char *block = malloc(1 + random_size(&random) % 200000);
        CHECK(block != NULL);
        block[0] = 1;
        free(block);
    }
    return NULL;
}

static void at_the_end(void) {
    for (size_t i = 0; i < COUNT(kept); i++)
        free(kept[i]);
    for (int i = 0; i < 1000; i++) {
        char *block = malloc(i * 50);
        CHECK(block != NULL);
        fill(block, i * 50, i);
        CHECK(broken(block, i * 50, i) == (size_t)i * 50);
        free(block);
    }
}

static void *end_from_a_thread(void *unused) {
    usleep(500);
    exit(0);
    return unused;
}

static void end_by(int way) {
    pthread_t thread;
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(pthread_create(&thread, NULL, work, (void *)i) == 0);
    for (size_t i = 0; i < COUNT(kept); i++)
        CHECK((kept[i] = malloc(i * 300)) != NULL);
    usleep(1000);
    switch (way) {
    case 0: exit(0);
    case 1: quick_exit(0);
    case 2: _exit(0);
    case 3:
        CHECK(pthread_create(&thread, NULL, end_from_a_thread, NULL) == 0);
        pthread_exit(NULL);
    }
}

int main(void) {
    CHECK(atexit(at_the_end) == 0 && at_quick_exit(at_the_end) == 0);
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(30);
            end_by(i % 4);
        }
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK(status == 0, "way %d: status %#x", i % 4, status);
    }
    _exit(0);
}
