// expect: abort hakmem: free of a pointer that is not ours
// A pointer to a static, as a thread's first call.
#include "check.h"

static char data[64];

static void *work(void *unused) {
    free(opaque(data));
    return unused;
}

int main(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    pthread_join(thread, NULL);
    return 0;
}
