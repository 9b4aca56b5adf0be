// expect: abort hakmem: free of a pointer into a block
// A pointer into a small block: noticed when it leaves the cache.
#include "check.h"

int main(void) {
    char *blocks[2000];
    for (int i = 0; i < 2000; i++)
        blocks[i] = malloc(64);
    free(opaque(blocks[1000] + 16));
    for (int i = 0; i < 2000; i++)
        if (i != 1000)
            free(blocks[i]);
    malloc_trim(0);
    return 0;
}
