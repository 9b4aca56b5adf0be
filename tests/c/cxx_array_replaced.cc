// As cxx_replaced.cc, with the array form replaced and nothing else.
#include "check.h"
#include <new>

static char pool[4096];
static int taken, given;

void *operator new[](size_t size) {
    CHECK(size <= sizeof(pool));
    taken++;
    return pool;
}

void operator delete[](void *block) noexcept {
    CHECK(block == pool);
    given++;
}

int main() {
    ::operator delete[](::operator new[](10, std::nothrow), size_t(10));
    ::operator delete[](::operator new[](10), std::nothrow);
    CHECK(taken == 2 && given == 2, "%d and %d", taken, given);
    void *block = ::operator new(10);
    CHECK(block != pool && malloc_usable_size(block) >= 10);
    ::operator delete(block);
    return 0;
}
