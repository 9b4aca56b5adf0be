// expect: undetected
// hardened: abort freed with a wrong size: ADDRESS
// `free_sized` with a size that the block does not have.
#include "wrong.h"

int main(void) {
    if (!free_sized)
        return NOT_HERE;
    char *block = malloc(100);
    free_sized(named(block), 1000);
    malloc_trim(0);
    return 0;
}
