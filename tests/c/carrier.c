// library: carrier.so carrier.c -Wl,-Bsymbolic {archive}
// Libraries that carry a hakmem of their own come and go: many at once, so that the room for static
// thread-local storage lasts; and threads that used one end when it is no longer there.
#include "check.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

enum { N_COPIES = 24, N_ROUNDS = 40 };

struct Carrier {
    void *library;
    void *(*make)(size_t size);
    void (*give)(void *block);
};

static sem_t used, closed;

static void copy_to(const char *from, const char *to) {
    struct stat file;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    CHECK(in >= 0 && out >= 0 && fstat(in, &file) == 0);
    CHECK(sendfile(out, in, NULL, file.st_size) == file.st_size);
    close(in);
    close(out);
}

static struct Carrier open_carrier(const char *path) {
    struct Carrier carrier = {.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    CHECK(carrier.library != NULL, "%s", dlerror());
    carrier.make = (void *(*)(size_t))dlsym(carrier.library, "carrier_make");
    carrier.give = (void (*)(void *))dlsym(carrier.library, "carrier_free");
    CHECK(carrier.make != NULL && carrier.give != NULL);
    return carrier;
}

static void use(struct Carrier *carrier) {
    for (size_t size = 1; size < 3 * MIB; size = size * 5 + 3) {
        char *theirs = carrier->make(size), *ours = malloc(size);
        CHECK(theirs != NULL && theirs[size - 1] == 'c' && theirs != ours);
        carrier->give(theirs);
        free(ours);
    }
}

static void many_at_once(const char *folder, const char *original) {
    struct Carrier carriers[N_COPIES];
    char path[4200];
    for (int i = 0; i < N_COPIES; i++) {
        snprintf(path, sizeof path, "%s/copy%d.so", folder, i);
        copy_to(original, path);
        carriers[i] = open_carrier(path);
        unlink(path);
        use(&carriers[i]);
    }
    for (int i = 0; i < N_COPIES; i++) {
        use(&carriers[i]);
        CHECK(dlclose(carriers[i].library) == 0);
    }
}

// Uses the library, and ends when it has been closed.
static void *outlive(void *carrier) {
    use(carrier);
    sem_post(&used);
    sem_wait(&closed);
    return carrier;
}

static void closed_before_the_thread_ends(const char *path) {
    for (int round = 0; round < N_ROUNDS; round++) {
        pthread_t thread;
        struct Carrier carrier = open_carrier(path);
        CHECK(pthread_create(&thread, NULL, outlive, &carrier) == 0);
        sem_wait(&used);
        use(&carrier);
        CHECK(dlclose(carrier.library) == 0);
        sem_post(&closed);
        pthread_join(thread, NULL);
    }
}

int main(int argc, char **argv) {
    char path[4200];
    CHECK(argc == 2 && sem_init(&used, 0, 0) == 0 && sem_init(&closed, 0, 0) == 0);
    snprintf(path, sizeof path, "%s/carrier.so", argv[1]);
    many_at_once(argv[1], path);
    closed_before_the_thread_ends(path);
    return 0;
}
