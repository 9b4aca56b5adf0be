// library: hooks.so hooks.c
// A preloaded library wraps mmap, open and others, and asks dlsym in each: hakmem calls none of them.
// And dlsym itself allocates: for its errors, in every thread.
#include "check.h"
#include <dlfcn.h>

static int *hooks;

static void *fail_to_find(void *unused) {
    CHECK(dlsym(RTLD_DEFAULT, "a_name_that_nobody_has") == NULL);
    CHECK(strstr(dlerror(), "a_name_that_nobody_has") != NULL);
    return unused;
}

static void use_malloc(void) {
    static char *blocks[3000];
    uint64_t random = 5;
    for (size_t i = 0; i < COUNT(blocks); i++)
        CHECK((blocks[i] = malloc(random_size(&random))) != NULL);
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);
    malloc_trim(0);
}

int main(int argc, char **argv) {
    char first[4200];
    CHECK(argc >= 2);
    hooks = dlsym(RTLD_DEFAULT, "hooks_called");
    if (hooks == NULL) {
        // Again, with the hooks before hakmem, and then behind it.
        const char *hakmem = getenv("LD_PRELOAD");
        const char *form = argc == 2 ? "%s/hooks.so:%s" : "%2$s:%1$s/hooks.so";
        CHECK(hakmem != NULL && strstr(hakmem, "hooks") == NULL);
        snprintf(first, sizeof first, form, argv[1], hakmem);
        CHECK(setenv("LD_PRELOAD", first, 1) == 0 && setenv("HAKMEM_ALONE", hakmem, 1) == 0);
        execv("/proc/self/exe", argv);
        CHECK(0, "execv");
    }
    CHECK(write(1, "", 0) == 0 && *hooks > 0, "the hooks are not there");
    int before = *hooks;
    use_malloc();
    CHECK(*hooks == before, "%d calls of libc by hakmem", *hooks - before);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, fail_to_find, NULL) == 0);
        pthread_join(thread, NULL);
    }
    if (argc == 2) {
        char *again[] = {argv[0], argv[1], "behind", NULL};
        CHECK(setenv("LD_PRELOAD", getenv("HAKMEM_ALONE"), 1) == 0);
        execv("/proc/self/exe", again);
        CHECK(0, "execv");
    }
    return 0;
}
