// Every function of C that allocates or frees, once each.
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *keep;

int main(void) {
    puts("0 a 24\n0 z 100\n0 a 50\n0 r 2 70\n0 r 2 40000\n0 f 2\n0 r 0 60\n0 a 0\n0 m 6 300\n"
         "0 m 5 64\n0 m 12 7\n0 m 12 9\n0 m 12 4096\n0 a 6\n0 a 16\n0 r 10 160\n0 f 3\n0 f 9\n0 f 0");
    fflush(stdout);
    void *volatile too_much;
    keep = malloc(771001);
    char *a = malloc(24);
    keep = calloc(10, 10);
    char *c = realloc(NULL, 50);
    c = realloc(c, 70);
    c = realloc(c, 40000);
    keep = realloc(c, 0);
    a = reallocarray(a, 6, 10);
    char *nothing = malloc(0);
    // What fails is not told of, and the block is as it was.
    too_much = malloc(SIZE_MAX / 2 + 1);
    too_much = realloc(a, SIZE_MAX / 2 + 1);
    void *m;
    if (too_much || posix_memalign(&m, 64, 300)) return 1;
    keep = aligned_alloc(32, 64);
    keep = memalign(4096, 7);
    keep = valloc(9);
    keep = pvalloc(10);
    char *text = strdup("hello");
    char *e = malloc(16);
    free(NULL);
    e = realloc(e, 160);
    free(nothing);
    free(text);
    free(a);
    keep = malloc(771002);
    return a == NULL;
}
