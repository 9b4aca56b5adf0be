// expect: abort no C++ library to pass the call on to
// hardened: abort no C++ library to pass the call on to
// There is no C++ library: a form that returns null does, one that throws says why it cannot.
#include "check.h"
#include <dlfcn.h>

int main(void) {
    void *(*new)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "_Znwm");
    void *(*quiet)(size_t, void *) =
        (void *(*)(size_t, void *))dlsym(RTLD_DEFAULT, "_ZnwmRKSt9nothrow_t");
    CHECK(new != NULL && quiet != NULL);
    CHECK(quiet(PTRDIFF_MAX, NULL) == NULL);
    free(new(100));
    new(PTRDIFF_MAX);
    CHECK(0, "it returned");
}
