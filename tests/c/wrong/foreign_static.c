// expect: abort not a block's address: ADDRESS: not ours
// hardened: abort not a block's address: ADDRESS: not ours
// A pointer to a static, as a thread's first call.
#include "wrong.h"

static char data[64];

static void *work(void *unused) {
    free(named(data));
    return unused;
}

int main(void) {
    in_thread(work, NULL);
    return 0;
}
