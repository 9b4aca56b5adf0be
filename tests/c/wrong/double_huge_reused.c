// expect: abort double free of ADDRESS: a huge block
// hardened: abort double free of ADDRESS
// A stale free of a huge block whose memory is another's by now, who frees it too.
#include "wrong.h"

int main(void) {
    char *block = malloc(5 * MIB);
    free(block);
    char *other = malloc(5 * MIB);
    free(named(block));
    free(other);
    return 0;
}
