// expect: undetected
// hardened: fault
// The first byte behind the pages of a huge block is written.
#include "wrong.h"

int main(void) {
    *behind_pages(5 * MIB) = 1;
    return 0;
}
