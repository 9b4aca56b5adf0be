// static
// cflags: -static
// expect: abort no C++ library to pass the call on to
// hardened: abort no C++ library to pass the call on to
// Without a loader a failed operator new throws, or returns null. But with a new-handler it ends the
// program, because what the handler throws could not pass through.
#include "check.h"
#include <new>
#include <string>

static void handler() { CHECK(0, "called"); }

int main() {
    std::string text(1000, 'x');
    delete new std::string(text);
    CHECK(opaque(::operator new(PTRDIFF_MAX, std::nothrow)) == nullptr);
    int caught = 0;
    try {
        opaque(::operator new(PTRDIFF_MAX));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    try {
        opaque(::operator new[](SIZE_MAX - 8, std::align_val_t(64)));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    CHECK(caught == 2, "%d", caught);
    std::set_new_handler(handler);
    opaque(::operator new(PTRDIFF_MAX));
    CHECK(0, "it returned");
}
