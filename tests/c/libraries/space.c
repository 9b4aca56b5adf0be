// In a namespace of its own this has a libc of its own, and that libc's malloc; as an auditor it is
// asked by the loader at each step. Its blocks stay with it.
#define _GNU_SOURCE
#include <link.h>
#include <stdlib.h>
#include <string.h>

static int objects;

int space_use(void) {
    for (size_t i = 1; i < 3000; i++) {
        char *block = malloc(i * 10);
        if (block == NULL)
            return 0;
        memset(block, 1, i * 10);
        free(realloc(block, i * 20));
    }
    return 1;
}

unsigned la_version(unsigned version) { return space_use() ? version : 0; }
unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie) {
    (void)map, (void)space, (void)cookie;
    free(malloc(100 + objects++));
    return 0;
}
