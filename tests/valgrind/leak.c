// A block that nothing points to any more, though a cache of free blocks once did.
// report: ERROR SUMMARY: 1 errors
// report: 1,000 bytes in 1 blocks are definitely lost
#include "../c/check.h"

__attribute__((noinline)) static void lose(void) {
    for (int i = 0; i < 100; i++)
        free(opaque(malloc(1000)));
    void *volatile block = malloc(1000);
    block = NULL;
    (void)block;
}

// Covers what the call left on the stack and in registers.
__attribute__((noinline)) static void cover(void) {
    volatile char stack[4096];
    memset((void *)stack, 0, sizeof(stack));
}

int main(void) {
    lose();
    cover();
    void *kept[10];
    for (int i = 0; i < 10; i++)
        kept[i] = malloc(1000);
    for (int i = 0; i < 10; i++)
        free(kept[i]);
    memset(kept, 0, sizeof(kept));
    return 0;
}
