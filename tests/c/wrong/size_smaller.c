// expect: undetected
// hardened: abort freed with a wrong size: ADDRESS
// `free_sized` with the size of a smaller class.
#include "wrong.h"

int main(void) {
    if (!free_sized)
        return NOT_HERE;
    char *block = malloc(100);
    free_sized(named(block), 40);
    malloc_trim(0);
    return 0;
}
