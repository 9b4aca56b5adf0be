// expect: abort double free of ADDRESS: a huge block
// hardened: abort double free of ADDRESS
// A huge block is freed twice.
#include "wrong.h"

int main(void) {
    char *block = malloc(5 * MIB);
    free(block);
    free(named(block));
    return 0;
}
