// expect: undetected
// hardened: undetected
// A freed block is read: the old contents, or zeroes, are no fault that anybody sees.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    block[8] = 42;
    free(block);
    char old = *(volatile char *)(named(block) + 8);
    CHECK(old == *(volatile char *)(block + 8));
    return 0;
}
