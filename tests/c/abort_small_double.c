// expect: abort hakmem: double free
// A small block freed twice: noticed when it leaves the cache the second time.
#include "check.h"

int main(void) {
    char *blocks[2000];
    for (int i = 0; i < 2000; i++)
        blocks[i] = malloc(64);
    for (int i = 0; i < 2000; i++)
        free(blocks[i]);
    free(opaque(blocks[700]));
    for (int i = 0; i < 2000; i++)
        free(opaque(blocks[i]));
    return 0;
}
