// library: space.so space.c
// Libraries in namespaces of their own, with a libc and a heap of their own: by dlmopen, many times,
// and by LD_AUDIT, where one is there before the program.
#include "check.h"
#include <dlfcn.h>
#include <sys/wait.h>

static void *work(void *use) {
    CHECK(((int (*)(void))use)());
    free(malloc(100));
    return NULL;
}

static void use_a_namespace(const char *path) {
    void *library = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
    CHECK(library != NULL, "%s", dlerror());
    int (*use)(void) = (int (*)(void))dlsym(library, "space_use");
    CHECK(use != NULL && use());
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, (void *)use) == 0);
    pthread_join(thread, NULL);
    char *block = malloc(1000);
    fill(block, 1000, 3);
    CHECK(dlclose(library) == 0 && broken(block, 1000, 3) == 1000);
    free(block);
}

int main(int argc, char **argv) {
    char path[4200];
    snprintf(path, sizeof path, "%s/space.so", argv[1]);
    if (argc == 2) {
        pid_t child = fork();
        if (child == 0) {
            setenv("LD_AUDIT", path, 1);
            execl("/proc/self/exe", "namespaces", argv[1], "audited", NULL);
            _exit(127);
        }
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK(status == 0, "audited: status %#x", status);
    }
    // There is room for sixteen namespaces at once.
    for (int i = 0; i < 40; i++)
        use_a_namespace(path);
    return 0;
}
