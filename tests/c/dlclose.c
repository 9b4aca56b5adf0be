// Libraries that come and go, hakmem among them: its code stays while threads need it.
#include "check.h"
#include <dlfcn.h>

static void *work(void *library) {
    free(malloc(100));
    void *more = dlopen("libresolv.so.2", RTLD_NOW | RTLD_LOCAL);
    CHECK(more != NULL, "%s", dlerror());
    void *block = malloc(70000);
    dlclose(more);
    CHECK(dlclose(library) == 0);
    return block;
}

int main(void) {
    static const char *const NAMES[] = {"libm.so.6", "libresolv.so.2", "libutil.so.1", "libanl.so.1"};
    static const int FLAGS[] = {RTLD_LAZY, RTLD_NOW, RTLD_NOW | RTLD_GLOBAL, RTLD_NOW | RTLD_DEEPBIND};
    for (int round = 0; round < 40; round++) {
        for (size_t i = 0; i < COUNT(NAMES); i++) {
            void *library = dlopen(NAMES[i], FLAGS[round % COUNT(FLAGS)]);
            CHECK(library != NULL, "%s", dlerror());
            void *block = malloc(1000);
            CHECK(dlsym(library, "no_such_name") == NULL && dlerror() != NULL);
            dlclose(library);
            free(block);
        }
    }
    Dl_info hakmem;
    CHECK(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &hakmem) != 0);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *block = NULL, *library = dlopen(hakmem.dli_fname, RTLD_NOW);
        CHECK(library != NULL, "%s", dlerror());
        CHECK(pthread_create(&thread, NULL, work, library) == 0);
        pthread_join(thread, &block);
        free(block);
    }
    return 0;
}
