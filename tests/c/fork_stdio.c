// Forks while other threads hold stdio's locks and allocate: nothing may wait for an allocator's
// lock. The alarm ends a deadlock.
#include "check.h"
#include <stdatomic.h>
#include <sys/wait.h>

enum { N_ROUNDS = 100, N_THREADS = 5 };

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
        // More than fits at first: it allocates while the stream's lock is held, for which the
        // other thread waits with the lock of the list of streams, which a fork wants.
        for (int i = 0; i < 10; i++)
            fprintf(stream, "%01000d", 5);
        fclose(stream);
        CHECK(size == 10000 && text[9999] == '5');
        free(text);
    }
    return unused;
}

int main(void) {
    pthread_t threads[N_THREADS];
    alarm(50);
    CHECK(pthread_create(&threads[0], NULL, flush, NULL) == 0);
    for (int i = 1; i < N_THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, open_and_print, NULL) == 0);
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
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
