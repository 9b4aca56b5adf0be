// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// A string of the environment, above the stack.
#include "wrong.h"

int main(void) {
    char *path = getenv("PATH");
    CHECK(path != NULL);
    free(named(path));
    return 0;
}
