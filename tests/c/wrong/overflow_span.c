// expect: undetected
// hardened: fault
// The first byte behind the pages of a span is written.
#include "wrong.h"

int main(void) {
    *behind_pages(300000) = 1;
    return 0;
}
