// expect: abort hakmem: free of a pointer that is not ours
// `malloc_usable_size` of a pointer to a static.
#include "check.h"

static char data[64];

int main(void) {
    return malloc_usable_size(opaque(data)) == 0;
}
