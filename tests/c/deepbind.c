// library: inner/exchange.so exchange.c
// library: opener.so opener.c -Wl,-rpath,$ORIGIN/inner
// A library that is opened with RTLD_DEEPBIND has the program's heap, not libc's; and is searched
// for where the caller's RUNPATH says.
#include "check.h"
#include <dlfcn.h>
#include <link.h>
#include <sys/wait.h>

typedef void *Make(size_t size);
typedef void *Grow(void *block, size_t size);
typedef void Free(void *block);
typedef char *Copy(const char *text);

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    CHECK(found != NULL, "%s: %s", name, dlerror());
    return found;
}

// Blocks of every kind go over and back.
static void exchange(void *library) {
    Make *make = symbol(library, "exchange_make");
    Grow *grow = symbol(library, "exchange_grow");
    Free *give = symbol(library, "exchange_free");
    Copy *copy = symbol(library, "exchange_copy");
    static const size_t SIZES[] = {1, 100, 3000, 40000, 300000, 3 << 20};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        char *theirs = make(SIZES[i]);
        CHECK(malloc_usable_size(theirs) >= SIZES[i] && theirs[SIZES[i] - 1] == 'x');
        free(realloc(theirs, SIZES[i] + 5000));
        char *ours = malloc(SIZES[i]);
        fill(ours, SIZES[i], i);
        ours = grow(ours, SIZES[i] * 2);
        CHECK(broken(ours, SIZES[i], i) == SIZES[i]);
        give(ours);
        char *text = copy("a text");
        CHECK(strcmp(text, "a text") == 0);
        free(text);
    }
}

static void *open_by(const char *folder, const char *how) {
    char path[4096];
    int flags = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
    if (strcmp(how, "runpath") == 0) {
        snprintf(path, sizeof path, "%s/opener.so", folder);
        void *opener = dlopen(path, RTLD_NOW);
        CHECK(opener != NULL, "%s", dlerror());
        void *(*open)(const char *, int) = symbol(opener, "opener_open");
        return open("exchange.so", flags);
    }
    snprintf(path, sizeof path, "%s/inner/exchange.so", folder);
    return strcmp(how, "dlmopen") == 0 ? dlmopen(LM_ID_BASE, path, flags) : dlopen(path, flags);
}

// Each in a process of its own: a library is opened once.
static void in_a_child(const char *folder, const char *how) {
    pid_t child = fork();
    if (child == 0) {
        void *library = open_by(folder, how);
        CHECK(library != NULL, "%s: %s", how, dlerror());
        exchange(library);
        CHECK(dlclose(library) == 0);
        _exit(0);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0, "%s: %#x", how, status);
}

// The flag is there if it is asked for: the library's `malloc` is libc's then.
static void kept(const char *folder) {
    CHECK(setenv("HAKMEM_DEEPBIND", "keep", 1) == 0);
    void *library = open_by(folder, "dlopen");
    CHECK(library != NULL, "%s", dlerror());
    Make *make = symbol(library, "exchange_make");
    Free *give = symbol(library, "exchange_free");
    // libc keeps its header before the block: an odd number of words.
    void *block = make(40);
    CHECK(*((size_t *)block - 1) == 0x31, "not a block of libc's");
    give(block);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    in_a_child(argv[1], "dlopen");
    in_a_child(argv[1], "dlmopen");
    in_a_child(argv[1], "runpath");
    // A failure is the loader's own.
    CHECK(dlopen("no-such-library.so", RTLD_NOW | RTLD_DEEPBIND) == NULL);
    CHECK(strstr(dlerror(), "no-such-library.so") != NULL);
    CHECK(dlopen(NULL, RTLD_NOW) != NULL);
    kept(argv[1]);
    return 0;
}
