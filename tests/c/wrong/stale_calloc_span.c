// expect: undetected
// hardened: undetected
// A freed span is written when its pages are the system's; `calloc` takes them for zero.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000), *beside = malloc(300000);
    free(block);
    malloc_trim(0);
    if (!is_mapped(block))
        return NOT_HERE;
    *(volatile char *)(named(block) + 8) = 1;
    char *zeroed = calloc(1, 300000);
    CHECK(zeroed != NULL);
    free(beside);
    return 0;
}
