// limit-as-kib: 200000
// A `realloc` to a smaller size succeeds though there is no memory at all.
#include "check.h"

static const size_t FROM[] = {20 << 20, 3 << 20, (1 << 20) + 1, 1 << 20, 100000, 32768, 20000, 1024, 100};
static const size_t TO[] = {2 << 20, 1 << 20, 66000, 33000, 5000, 1000, 17, 1};

// Takes everything, down to the last bytes of every size class. The blocks stay.
static void exhaust(void) {
    for (size_t size = 64 * MIB; size >= 16; size = size > KIB ? size - size / 8 : size - 16)
        while (malloc(size) != NULL) {
        }
}

int main(void) {
    char *blocks[COUNT(FROM)][COUNT(TO)];
    for (size_t i = 0; i < COUNT(FROM); i++)
        for (size_t j = 0; j < COUNT(TO); j++)
            if (TO[j] < FROM[i] && (FROM[i] < MIB || j < 3)) {
                blocks[i][j] = malloc(FROM[i]);
                CHECK(blocks[i][j] != NULL);
                fill(blocks[i][j], TO[j], i);
            } else {
                blocks[i][j] = NULL;
            }
    exhaust();
    // Small ones first: what a large one gives back would serve all that follow.
    for (size_t i = COUNT(FROM); i-- > 0;)
        for (size_t j = COUNT(TO); j-- > 0;) {
            if (blocks[i][j] == NULL)
                continue;
            char *block = realloc(blocks[i][j], TO[j]);
            CHECK(block != NULL, "%zu to %zu bytes", FROM[i], TO[j]);
            CHECK(broken(block, TO[j], i) == TO[j], "%zu to %zu bytes", FROM[i], TO[j]);
        }
    return 0;
}
