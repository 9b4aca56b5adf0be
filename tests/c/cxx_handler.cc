// limit-as-kib: 400000
// A new-handler that frees something: operator new tries again, and is served.
#include "check.h"
#include <new>
#include <vector>

static void *reserve;
static int handled;

static void let_go() {
    handled++;
    CHECK(reserve != nullptr, "asked again after it was served");
    free(reserve);
    reserve = nullptr;
}

template <typename Call> static void served_at_last(Call call) {
    // More than the limit leaves when the reserve is held, less than when it is not.
    reserve = malloc(250 * MIB);
    CHECK(reserve != nullptr);
    handled = 0;
    void *block = call(250 * MIB);
    CHECK(block != nullptr && handled == 1, "%d calls", handled);
    memset(block, 1, KIB);
    free(block);
}

int main() {
    std::set_new_handler(let_go);
    std::align_val_t to{256};
    for (int round = 0; round < 3; round++) {
        served_at_last([](size_t n) { return ::operator new(n); });
        served_at_last([](size_t n) { return ::operator new[](n); });
        served_at_last([](size_t n) { return ::operator new(n, std::nothrow); });
        served_at_last([](size_t n) { return ::operator new[](n, std::nothrow); });
        served_at_last([=](size_t n) { return ::operator new(n, to); });
        served_at_last([=](size_t n) { return ::operator new[](n, to, std::nothrow); });
    }
    return 0;
}
