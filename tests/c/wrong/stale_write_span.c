// expect: undetected
// hardened: fault
// A freed span is written.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000), *beside = malloc(300000);
    free(block);
    if (!is_mapped(block))
        return NOT_HERE;
    *(volatile char *)(named(block) + 8) = 1;
    free(beside);
    return 0;
}
