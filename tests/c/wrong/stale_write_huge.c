// expect: undetected
// hardened: fault
// A freed huge block is written.
#include "wrong.h"

int main(void) {
    char *block = malloc(5 * MIB);
    free(block);
    if (!is_mapped(block))
        return NOT_HERE;
    *(volatile char *)(named(block) + 8) = 1;
    return 0;
}
