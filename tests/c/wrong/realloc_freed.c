// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// `realloc` of a freed block moves what is left there, and frees it again.
#include "wrong.h"

int main(void) {
    char *blocks[3];
    allocate(blocks, 3, 64);
    free(blocks[1]);
    CHECK(realloc(named(blocks[1]), 400) != NULL);
    malloc_trim(0);
    return 0;
}
