// expect: abort not a block's address: ADDRESS: a span of
// hardened: abort not a block's address: ADDRESS
// `realloc` of a freed span.
#include "wrong.h"

int main(void) {
    char *block = malloc(300000);
    free(block);
    CHECK(realloc(named(block), 400000) != NULL);
    return 0;
}
