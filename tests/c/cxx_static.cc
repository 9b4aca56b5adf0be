// static
// C++ linked with libhakmem.a: operator new is hakmem's, and what it throws is caught.
#include <hakmem.h>

#include "check.h"
#include <new>
#include <vector>

int main() {
    void *block = ::operator new(10);
    struct hakmem_usage usage;
    CHECK(hakmem_get_usage(&usage, sizeof(usage)) == sizeof(usage) && usage.slabs > 0);
    ::operator delete(block, (size_t)10);
    int caught = 0;
    for (size_t size : {(size_t)PTRDIFF_MAX, SIZE_MAX - 8}) {
        try {
            CHECK(opaque(::operator new(size, std::align_val_t(64))) == nullptr);
        } catch (const std::bad_alloc &) {
            caught++;
        }
        try {
            std::vector<char> vector;
            vector.reserve((size_t)PTRDIFF_MAX);
        } catch (const std::bad_alloc &) {
            caught++;
        }
        CHECK(opaque(::operator new(size, std::nothrow)) == nullptr);
    }
    CHECK(caught == 4, "%d", caught);
    return 0;
}
