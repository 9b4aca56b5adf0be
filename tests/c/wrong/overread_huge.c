// expect: undetected
// hardened: fault
// The first byte behind the pages of a huge block is read.
#include "wrong.h"

int main(void) {
    volatile char *end = behind_pages(5 * MIB);
    char byte = *end;
    CHECK(byte == *end);
    return 0;
}
