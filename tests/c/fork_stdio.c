// Forks while other threads hold stdio's locks and allocate: nothing may wait for an allocator's
// lock. The alarm ends a deadlock.
#include "check.h"
#include <stdatomic.h>
#include <sys/wait.h>

enum { N_ROUNDS = 300 };

static atomic_int stop;

static void *flush(void *unused) {
    while (!stop)
        fflush(NULL);
    return unused;
}

static void *open_and_print(void *unused) {
    while (!stop) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        CHECK(stream != NULL);
        fprintf(stream, "%01000d", 5);
        fclose(stream);
        CHECK(size == 1000 && text[999] == '5');
        free(text);
    }
    return unused;
}

int main(void) {
    pthread_t threads[2];
    alarm(50);
    CHECK(pthread_create(&threads[0], NULL, flush, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, open_and_print, NULL) == 0);
    for (int round = 0; round < N_ROUNDS; round++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            free(malloc(1000));
            fflush(NULL);
            _exit(0);
        }
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK(status == 0, "round %d: status %#x", round, status);
    }
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
