// expect: abort double free of ADDRESS: a span
// hardened: abort double free of ADDRESS
// A stale free of a span whose memory is another's by now, who frees it too.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000);
    free(block);
    char *other = malloc(300000);
    free(named(block));
    free(other);
    return 0;
}
