// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// Both copies leave the cache at a trim.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    free(block);
    free(named(block));
    malloc_trim(0);
    return 0;
}
