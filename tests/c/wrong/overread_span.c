// expect: undetected
// hardened: fault
// The first byte behind the pages of a span is read.
#include "wrong.h"

int main(void) {
    volatile char *end = behind_pages(300000);
    char byte = *end;
    CHECK(byte == *end);
    return 0;
}
