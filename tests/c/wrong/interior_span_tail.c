// expect: abort not a block's address: ADDRESS: 131072 bytes into a span
// hardened: abort not a block's address: ADDRESS
// A pointer to a later unit of a span.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000);
    free(named(block + 2 * 65536));
    return 0;
}
