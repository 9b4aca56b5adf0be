// expect: undetected
// hardened: fault
// The first byte behind the pages of a span is read.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000);
    char *end = named(block) + malloc_usable_size(block);
    end += -(uintptr_t)end % 4096;
    // Where nothing is yet, something is put: not every allocator has a guard there.
    mmap(end, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    char byte = *(volatile char *)end;
    CHECK(byte == *(volatile char *)end);
    return 0;
}
