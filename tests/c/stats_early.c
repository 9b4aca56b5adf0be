// shared
// Statistics and settings before anything was allocated: they answer, and what was set stays.
#include <hakmem.h>

#include "check.h"

static void first(void) {
    struct mallinfo2 info = mallinfo2();
    CHECK(info.uordblks == 0 && info.hblks == 0 && info.arena == 0, "%zu", info.arena);
    CHECK(mallopt(-1, 4321) == 1);
    CHECK(hakmem_trim() == 0);
    free(malloc(100));
    size_t value = 0;
    CHECK(hakmem_get_limit(HAKMEM_CACHE_BYTES, &value) == 0);
    CHECK(value == 4321, "%zu: the first request set the defaults", value);
    CHECK(mallinfo2().uordblks > 0);
    for (int option = -10; option < 10; option++)
        CHECK(mallopt(option, 1) == (option == -1), "option %d", option);
}

// Before the constructors of libraries.
__attribute__((section(".preinit_array"), used)) static void (*at_first)(void) = first;

// What is mapped is all accounted for, whatever the library is made of.
static void adds_up(void) {
    struct hakmem_usage now;
    CHECK(hakmem_get_usage(&now, sizeof(now)) == sizeof(now));
    CHECK(now.mapped == now.slabs + now.spans + now.huge + now.free + now.cached + now.fresh +
            now.metadata + now.stranded, "%zu", now.mapped);
    struct mallinfo2 info = mallinfo2();
    CHECK(info.arena == info.uordblks + info.fordblks && info.hblkhd == now.huge);
    CHECK(info.hblks == now.huge_count && info.uordblks == now.slabs + now.spans);
}

int main(void) {
    static const size_t SIZES[] = {10, 3000, 30000, 100 << 10, 500 << 10, 2 << 20, 20 << 20};
    void *blocks[COUNT(SIZES)];
    for (int round = 0; round < 50; round++) {
        struct hakmem_usage before, with;
        hakmem_get_usage(&before, sizeof(before));
        for (size_t i = 0; i < COUNT(SIZES); i++) {
            blocks[i] = malloc(SIZES[i]);
            CHECK(blocks[i] != NULL);
            adds_up();
        }
        hakmem_get_usage(&with, sizeof(with));
        CHECK(with.huge_count == before.huge_count + 2 && with.span_count == before.span_count + 2);
        CHECK(with.spans >= before.spans + 600 * KIB && with.huge_count * MIB < with.huge);
        for (size_t i = 0; i < COUNT(SIZES); i++) {
            free(blocks[i]);
            adds_up();
        }
        if (round % 10 == 9)
            hakmem_trim();
    }
    return 0;
}
