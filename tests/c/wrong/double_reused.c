// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// A stale free of a block that is somebody else's by now, who frees it too.
#include "wrong.h"

int main(void) {
    char *block = malloc(64);
    free(block);
    char *other = malloc(64);
    free(named(block));
    free(other);
    malloc_trim(0);
    return 0;
}
