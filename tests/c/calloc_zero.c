// `calloc` is zero in every tier: fresh, after reuse of dirty memory, and after a trim. Blocks of up to
// 1 KiB are zero to their end, beyond what was asked for.
#include "check.h"

static const size_t SIZES[] = {1, 16, 24, 100, 1000, 1024, 1040, 4096, 10000, 32768, 32769, 65536,
    100000, 1 << 20, (1 << 20) + 1, 2 << 20, (2 << 20) + 1, 7 << 20};

enum { N = 40, N_PINS = 200 };

// Blocks that stay, so that the memory around them does, and a trim can only empty it.
static char *pins[N_PINS];
static size_t n_pins;

// Leaves `N` blocks of `size` bytes behind, dirty and free.
static void dirty(size_t size, int n) {
    char *blocks[N];
    for (int i = 0; i < n; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL, "%zu", size);
        memset(blocks[i], 0xA5, malloc_usable_size(blocks[i]));
        if (i == n / 2 && n_pins < N_PINS)
            pins[n_pins++] = malloc(70000);
    }
    for (int i = 0; i < n; i++)
        free(blocks[i]);
}

static void all_zero(size_t size, int n, const char *when) {
    char *blocks[N];
    for (int i = 0; i < n; i++) {
        blocks[i] = i % 2 ? calloc(1, size) : calloc(size, 1);
        CHECK(blocks[i] != NULL, "%zu", size);
        size_t usable = malloc_usable_size(blocks[i]), end = usable <= KIB ? usable : size;
        CHECK(first_nonzero(blocks[i], end) == end, "%zu bytes, %s", size, when);
        memset(blocks[i], 0xC3, usable);
    }
    for (int i = 0; i < n; i++)
        free(blocks[i]);
}

static void small_blocks_to_their_end(void) {
    for (size_t size = 0; size <= KIB; size++) {
        dirty(size, 2);
        all_zero(size, 2, "to its end");
    }
}

int main(void) {
    small_blocks_to_their_end();
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        size_t size = SIZES[i];
        int n = size > MIB ? 6 : N;
        all_zero(size, n, "fresh");
        dirty(size, n);
        all_zero(size, n, "reused");
        malloc_trim(0);
        all_zero(size, n, "after a trim");
    }
    // Dirty memory of one tier becomes a block of another.
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT(SIZES); i++) {
            dirty(SIZES[i], 6);
            all_zero(SIZES[COUNT(SIZES) - 1 - i], 6, "from another tier");
            if (round == 1)
                malloc_trim(0);
        }
    }
    for (size_t i = 0; i < n_pins; i++)
        free(pins[i]);
    return 0;
}
