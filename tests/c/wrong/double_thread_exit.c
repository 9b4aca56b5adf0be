// expect: abort double free of ADDRESS: block
// hardened: abort double free of ADDRESS
// Both copies leave the cache when the thread ends.
#include "wrong.h"

static void *work(void *unused) {
    char *block = malloc(500);
    free(block);
    free(named(block));
    return unused;
}

int main(void) {
    in_thread(work, NULL);
    return 0;
}
