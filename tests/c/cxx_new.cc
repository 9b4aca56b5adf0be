// C++: every form of operator new and delete, and what they do without memory: call the
// new-handler, throw, or return null.
#include "check.h"
#include <dlfcn.h>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

using Align = std::align_val_t;

static void every_form_is_hakmem() {
    static const char *const NAMES[] = {"_Znwm", "_Znam", "_ZnwmRKSt9nothrow_t",
        "_ZnamRKSt9nothrow_t", "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t",
        "_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t", "_ZdlPv",
        "_ZdaPv", "_ZdlPvm", "_ZdaPvm", "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t",
        "_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t", "_ZdlPvSt11align_val_tRKSt9nothrow_t",
        "_ZdaPvSt11align_val_tRKSt9nothrow_t", "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t"};
    for (const char *name : NAMES) {
        Dl_info info;
        CHECK(dladdr(dlsym(RTLD_DEFAULT, name), &info) != 0, "%s", name);
        CHECK(strstr(info.dli_fname, "libhakmem") != NULL, "%s is of %s", name, info.dli_fname);
    }
}

static void *used(void *block, size_t size, size_t align) {
    CHECK(block != nullptr && is_aligned(block, align), "%zu bytes, align %zu", size, align);
    CHECK(malloc_usable_size(block) >= size, "%zu bytes, align %zu", size, align);
    memset(block, 0x5A, malloc_usable_size(block));
    return block;
}

static void plain_forms(size_t size) {
    for (int array = 0; array < 2; array++) {
        for (int form = 0; form < 3; form++) {
            void *loud = used(array ? ::operator new[](size) : ::operator new(size), size, 16);
            void *quiet = used(array ? ::operator new[](size, std::nothrow)
                                     : ::operator new(size, std::nothrow), size, 16);
            for (void *block : {loud, quiet}) {
                if (form == 0)
                    array ? ::operator delete[](block) : ::operator delete(block);
                else if (form == 1)
                    array ? ::operator delete[](block, size) : ::operator delete(block, size);
                else
                    array ? ::operator delete[](block, std::nothrow)
                          : ::operator delete(block, std::nothrow);
            }
        }
    }
}

static void aligned_forms(size_t size, size_t align) {
    Align to = Align(align);
    for (int array = 0; array < 2; array++) {
        for (int form = 0; form < 3; form++) {
            void *loud = array ? ::operator new[](size, to) : ::operator new(size, to);
            void *quiet = array ? ::operator new[](size, to, std::nothrow)
                                : ::operator new(size, to, std::nothrow);
            for (void *block : {loud, quiet}) {
                used(block, size, align);
                if (form == 0)
                    array ? ::operator delete[](block, to) : ::operator delete(block, to);
                else if (form == 1)
                    array ? ::operator delete[](block, size, to)
                          : ::operator delete(block, size, to);
                else
                    array ? ::operator delete[](block, to, std::nothrow)
                          : ::operator delete(block, to, std::nothrow);
            }
        }
    }
}

static void every_form_serves() {
    for (size_t size = 0; size < 3000000; size = size * 2 + 1) {
        plain_forms(size);
        for (size_t align = 1; align <= 4 * MIB; align *= 4)
            aligned_forms(size, align);
    }
    void *a = ::operator new(0), *b = ::operator new[](0);
    CHECK(a != b, "nothing is a block of its own");
    ::operator delete(a, size_t(0));
    ::operator delete[](b);
}

static void null_is_nothing() {
    errno = 4321;
    ::operator delete(nullptr);
    ::operator delete[](nullptr);
    ::operator delete(nullptr, size_t(9));
    ::operator delete(nullptr, std::nothrow);
    ::operator delete(nullptr, Align(64));
    ::operator delete[](nullptr, size_t(9), Align(64));
    CHECK(errno == 4321);
}

// What `call` throws is std::bad_alloc, and nothing of this function's is lost on the way.
template <typename Call> static void throws(Call call, size_t size) {
    std::string witness(100, 'w');
    try {
        void *block = opaque(call());
        CHECK(block == nullptr, "%zu bytes did not throw", size);
        CHECK(false, "%zu bytes: null instead of an exception", size);
    } catch (const std::bad_alloc &) {
        CHECK(witness == std::string(100, 'w'));
        return;
    }
}

template <typename Call> static void refuses(Call call, size_t size) {
    CHECK(opaque(call()) == nullptr, "%zu bytes", size);
}

// Near SIZE_MAX a size rounded up to the alignment wraps.
static const size_t TOO_MUCH[] = {(size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX, SIZE_MAX / 2 + 4096,
    SIZE_MAX - 2 * MIB, SIZE_MAX - 4096, SIZE_MAX - 63, SIZE_MAX - 15, SIZE_MAX - 1, SIZE_MAX};

static void every_form_refuses(size_t size) {
    throws([=] { return ::operator new(size); }, size);
    throws([=] { return ::operator new[](size); }, size);
    refuses([=] { return ::operator new(size, std::nothrow); }, size);
    refuses([=] { return ::operator new[](size, std::nothrow); }, size);
    for (size_t align : {(size_t)1, (size_t)16, (size_t)64, 4 * KIB, MIB, GIB}) {
        Align to = Align(align);
        throws([=] { return ::operator new(size, to); }, size);
        throws([=] { return ::operator new[](size, to); }, size);
        refuses([=] { return ::operator new(size, to, std::nothrow); }, size);
        refuses([=] { return ::operator new[](size, to, std::nothrow); }, size);
    }
}

static void too_much() {
    CHECK(std::get_new_handler() == nullptr);
    for (size_t size : TOO_MUCH)
        every_form_refuses(size);
    // An alignment that is none.
    throws([] { return ::operator new(100, Align(48)); }, 100);
    refuses([] { return ::operator new(100, Align(48), std::nothrow); }, 100);
    size_t n = (size_t)PTRDIFF_MAX;
    throws([=] { return new char[n]; }, n);
    throws([] { return new std::vector<char>((size_t)PTRDIFF_MAX - 1); }, n);
}

static int handled;

// The third call gives up.
static void give_up() {
    if (++handled == 3)
        std::set_new_handler(nullptr);
}

static void throw_away() {
    handled++;
    throw std::bad_alloc();
}

template <typename Call> static void handler_is_asked(Call call) {
    handled = 0;
    std::set_new_handler(give_up);
    throws(call, 1);
    CHECK(handled == 3, "%d calls", handled);
    handled = 0;
    std::set_new_handler(throw_away);
    throws(call, 1);
    CHECK(handled == 1, "%d calls", handled);
    std::set_new_handler(nullptr);
}

template <typename Call> static void handler_is_asked_quietly(Call call) {
    handled = 0;
    std::set_new_handler(give_up);
    refuses(call, 1);
    CHECK(handled == 3, "%d calls", handled);
    handled = 0;
    std::set_new_handler(throw_away);
    refuses(call, 1);
    CHECK(handled == 1, "%d calls", handled);
    std::set_new_handler(nullptr);
}

static void new_handler() {
    for (size_t size : {(size_t)PTRDIFF_MAX, SIZE_MAX - 8}) {
        handler_is_asked([=] { return ::operator new(size); });
        handler_is_asked([=] { return ::operator new[](size); });
        handler_is_asked([=] { return ::operator new(size, Align(64)); });
        handler_is_asked([=] { return ::operator new[](size, Align(64)); });
        handler_is_asked_quietly([=] { return ::operator new(size, std::nothrow); });
        handler_is_asked_quietly([=] { return ::operator new[](size, std::nothrow); });
        handler_is_asked_quietly([=] { return ::operator new(size, Align(64), std::nothrow); });
        handler_is_asked_quietly([=] { return ::operator new[](size, Align(64), std::nothrow); });
    }
}

struct alignas(128) Wide {
    char bytes[300];
};

static void containers(int seed) {
    std::map<std::string, std::vector<int>> map;
    for (int i = 0; i < 2000; i++)
        map["key number " + std::to_string(i * seed)].assign(i % 100, i);
    size_t total = 0;
    for (const auto &entry : map)
        total += entry.second.size();
    CHECK(total == 99000, "%zu", total);
    std::unique_ptr<Wide[]> wides(new Wide[5]);
    CHECK(is_aligned(&wides[1], 128));
}

// Destroyed when the thread ends.
static thread_local std::vector<std::string> of_the_thread;

int main() {
    every_form_is_hakmem();
    every_form_serves();
    null_is_nothing();
    too_much();
    new_handler();
    for (int round = 0; round < 5; round++) {
        std::vector<std::thread> threads;
        for (int i = 1; i <= 4; i++)
            threads.emplace_back([i] {
                of_the_thread.assign(100, std::string(100, 'x'));
                containers(i);
                every_form_refuses(PTRDIFF_MAX);
            });
        for (auto &thread : threads)
            thread.join();
    }
    return 0;
}
