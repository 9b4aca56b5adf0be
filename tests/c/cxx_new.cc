// C++: every operator new and delete, containers, and requests that cannot be served.
#include "check.h"
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

struct alignas(128) Wide {
    char bytes[300];
};

static void operators() {
    for (size_t size = 0; size < 3000000; size = size * 2 + 1) {
        void *plain = ::operator new(size), *many = ::operator new[](size);
        void *wide = ::operator new(size, std::align_val_t(256));
        void *quiet = ::operator new(size, std::nothrow);
        CHECK(plain && many && wide && quiet, "%zu bytes", size);
        CHECK(is_aligned(plain, 16) && is_aligned(wide, 256), "%zu bytes", size);
        ::operator delete(plain, size);
        ::operator delete[](many);
        ::operator delete(wide, std::align_val_t(256));
        ::operator delete(quiet, std::nothrow);
    }
    std::unique_ptr<Wide[]> wides(new Wide[5]);
    CHECK(is_aligned(&wides[1], 128));
}

static void too_much() {
    for (size_t size : {(size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096}) {
        CHECK(::operator new(size, std::nothrow) == nullptr, "%zu bytes", size);
        try {
            CHECK(::operator new(size) == nullptr, "%zu bytes did not throw", size);
        } catch (const std::bad_alloc &) {
            continue;
        }
        CHECK(false, "%zu bytes", size);
    }
}

static void containers(int seed) {
    std::map<std::string, std::vector<int>> map;
    for (int i = 0; i < 2000; i++)
        map["key number " + std::to_string(i * seed)].assign(i % 100, i);
    size_t total = 0;
    for (const auto &entry : map)
        total += entry.second.size();
    CHECK(total == 99000, "%zu", total);
}

// Destroyed when the thread ends.
static thread_local std::vector<std::string> of_the_thread;

int main() {
    operators();
    too_much();
    for (int round = 0; round < 5; round++) {
        std::vector<std::thread> threads;
        for (int i = 1; i <= 4; i++)
            threads.emplace_back([i] {
                of_the_thread.assign(100, std::string(100, 'x'));
                containers(i);
            });
        for (auto &thread : threads)
            thread.join();
    }
    return 0;
}
