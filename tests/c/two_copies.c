// static
// preload-too
// Two hakmems in one process: one inside the program, one preloaded; and a third one opened from a
// copy of the preloaded file. All of libc's calls meet in the first; the others keep to themselves.
#include "check.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

typedef void *Malloc(size_t size);
typedef void Free(void *block);

static Malloc *their_malloc;
static Free *their_free;

static void *work(void *unused) {
    for (int i = 0; i < 200; i++) {
        char *theirs = their_malloc(i * 100 + 1), *ours = malloc(i * 100 + 1);
        fill(theirs, i * 100 + 1, i);
        fill(ours, i * 100 + 1, i + 1);
        CHECK(broken(theirs, i * 100 + 1, i) == (size_t)i * 100 + 1);
        CHECK(malloc_usable_size(ours) >= (size_t)i * 100 + 1);
        their_free(theirs);
        free(ours);
    }
    return unused;
}

static void use_the_other(void *library) {
    their_malloc = (Malloc *)dlsym(library, "malloc");
    their_free = (Free *)dlsym(library, "free");
    CHECK(their_malloc != NULL && their_free != NULL && their_free != (Free *)opaque((void *)free));
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        work(NULL);
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
        pthread_join(thread, NULL);
    }
}

int main(int argc, char **argv) {
    const char *preloaded = getenv("LD_PRELOAD");
    struct stat file;
    char copy[] = "/tmp/hakmem-copy-XXXXXX";
    CHECK(argc == 2 && argv[1] != NULL && preloaded != NULL);
    // libc's own blocks are the program's hakmem's, too.
    char *text = strdup("libc's");
    CHECK(malloc_usable_size(text) != 24, "glibc has a word of its own before a block");
    free(text);
    void *loaded = dlopen(preloaded, RTLD_NOW | RTLD_NOLOAD);
    CHECK(loaded != NULL, "%s is not loaded", preloaded);
    use_the_other(loaded);

    int in = open(preloaded, O_RDONLY), out = mkstemp(copy);
    CHECK(in >= 0 && out >= 0 && fstat(in, &file) == 0);
    CHECK(sendfile(out, in, NULL, file.st_size) == file.st_size && close(out) == 0);
    void *third = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
    CHECK(third != NULL, "%s", dlerror());
    unlink(copy);
    use_the_other(third);
    CHECK(dlclose(third) == 0);
    return 0;
}
