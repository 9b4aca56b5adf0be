// A program that replaces only some operators gets its own wherever the others build on them.
#include "check.h"
#include <new>

static char pool[1 << 20];
static size_t used;
static int taken, given, wide_taken, wide_given;

static void *take(size_t size) {
    size_t start = (used + 63) / 64 * 64;
    CHECK(start + size <= sizeof(pool));
    used = start + size;
    return pool + start;
}

// Sizes above 1000 are more than this pool has.
void *operator new(size_t size) {
    if (size > 1000)
        throw std::bad_alloc();
    taken++;
    return take(size);
}

void operator delete(void *block) noexcept {
    CHECK(block == nullptr || ((char *)block >= pool && (char *)block < pool + sizeof(pool)));
    given++;
}

void *operator new(size_t size, std::align_val_t) {
    wide_taken++;
    return take(size);
}

void operator delete(void *block, std::align_val_t) noexcept {
    CHECK((char *)block >= pool && (char *)block < pool + sizeof(pool));
    wide_given++;
}

int main() {
    std::align_val_t to{64};
    ::operator delete(::operator new(10), size_t(10));
    ::operator delete(::operator new(10), std::nothrow);
    ::operator delete[](::operator new[](10));
    ::operator delete[](::operator new[](10), size_t(10));
    ::operator delete[](::operator new[](10), std::nothrow);
    ::operator delete(::operator new(10, std::nothrow));
    ::operator delete[](::operator new[](10, std::nothrow));
    CHECK(taken == 7 && given == 7, "%d and %d", taken, given);
    ::operator delete(::operator new(10, to), size_t(10), to);
    ::operator delete(::operator new(10, to), to, std::nothrow);
    ::operator delete[](::operator new[](10, to), to);
    ::operator delete[](::operator new[](10, to), size_t(10), to);
    ::operator delete[](::operator new[](10, to), to, std::nothrow);
    ::operator delete(::operator new(10, to, std::nothrow), to);
    ::operator delete[](::operator new[](10, to, std::nothrow), to);
    CHECK(wide_taken == 7 && wide_given == 7, "%d and %d", wide_taken, wide_given);
    // What the program's own throws becomes null.
    CHECK(::operator new(5000, std::nothrow) == nullptr);
    CHECK(::operator new[](5000, std::nothrow) == nullptr);
    // Nothing else of C++ is disturbed: blocks of malloc are hakmem's.
    free(malloc(100));
    return 0;
}
