// A decision by bytes that nobody wrote: of a new block, of one that was used before, and of the
// part by which one grew.
// report: ERROR SUMMARY: 3 errors
// report: Conditional jump or move depends on uninitialised value(s)
#include "../c/check.h"

static int n;

__attribute__((noinline)) static void decide(volatile char *byte) {
    if (*byte == 7)
        n++;
}

int main(void) {
    char *block = opaque(malloc(200));
    decide(block);
    memset(block, 7, 200);
    free(block);
    block = opaque(malloc(200));
    if (block[100] == 7)
        n++;
    memset(block, 7, 200);
    block = opaque(realloc(block, 5000));
    if (block[199] == 7)
        n++;
    if (block[200] == 7)
        n++;
    free(block);
    return n & 0;
}
