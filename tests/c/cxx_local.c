// expect: abort std::bad_alloc
// hardened: abort std::bad_alloc
// The C++ library came in by a `dlopen` that hides it: operator new finds it all the same, and
// nobody here catches what it throws.
#include "check.h"
#include <dlfcn.h>

int main(void) {
    void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL, "%s", dlerror());
    void *(*new)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "_Znwm");
    void (*delete)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "_ZdlPv");
    CHECK(new != NULL && delete != NULL);
    delete(new(100));
    void *(*quiet)(size_t, void *) =
        (void *(*)(size_t, void *))dlsym(RTLD_DEFAULT, "_ZnwmRKSt9nothrow_t");
    CHECK(quiet(PTRDIFF_MAX, NULL) == NULL);
    new(PTRDIFF_MAX);
    CHECK(0, "it returned");
}
