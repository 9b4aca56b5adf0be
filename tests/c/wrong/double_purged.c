// expect: abort double free of ADDRESS
// hardened: abort double free of ADDRESS
// Freed again when the system has its page; its SuperSlab has another block in use.
#include "wrong.h"

int main(void) {
    static char *blocks[4000];
    char *beside = malloc(300000);
    allocate(blocks, 4000, 64);
    free_every(blocks, 4000, 1);
    malloc_trim(0);
    free(named(blocks[2000]));
    free(beside);
    return 0;
}
