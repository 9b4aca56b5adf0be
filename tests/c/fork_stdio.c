// Forks while other threads hold stdio's locks and allocate: nothing may wait for an allocator's
// lock. The alarm ends a deadlock.
#include "check.h"
#include <fcntl.h>
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

// `getline` holds the stream's lock while it waits, and while it makes its line larger.
static void *get_lines(void *from) {
    FILE *stream = fdopen(*(int *)from, "r");
    char *line = NULL;
    size_t size = 0;
    CHECK(stream != NULL);
    while (getline(&line, &size, stream) > 0) {
        CHECK(line[0] == 'l');
        free(line);
        line = NULL;
        size = 0;
    }
    free(line);
    return from;
}

static void *print_lines(void *to) {
    char line[3000];
    memset(line, 'l', sizeof line);
    for (unsigned i = 0; !stop; i++) {
        size_t length = 100 + i * 37 % (sizeof line - 100);
        line[length - 1] = '\n';
        CHECK(write(*(int *)to, line, length) == (ssize_t)length);
        line[length - 1] = 'l';
    }
    CHECK(close(*(int *)to) == 0);
    return to;
}

int main(void) {
    pthread_t threads[N_THREADS + 2];
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    alarm(50);
    CHECK(pthread_create(&threads[0], NULL, flush, NULL) == 0);
    for (int i = 1; i < N_THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, open_and_print, NULL) == 0);
    CHECK(pthread_create(&threads[N_THREADS], NULL, get_lines, &ends[0]) == 0);
    CHECK(pthread_create(&threads[N_THREADS + 1], NULL, print_lines, &ends[1]) == 0);
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
    for (int i = 0; i < N_THREADS + 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
