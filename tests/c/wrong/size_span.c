// expect: undetected
// hardened: abort freed with a wrong size: ADDRESS
// `free_sized` of a span with a small size.
#include "wrong.h"

int main(void) {
    if (!free_sized)
        return NOT_HERE;
    char *block = malloc(300000);
    free_sized(named(block), 100);
    malloc_trim(0);
    return 0;
}
