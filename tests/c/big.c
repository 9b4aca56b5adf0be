// From 1 B to PTRDIFF_MAX: a block whose ends can be written, or null and ENOMEM.
#include "check.h"

static void try(size_t size) {
    errno = 0;
    char *block = malloc(size);
    if (block == NULL) {
        CHECK(errno == ENOMEM, "%zu bytes: errno %d", size, errno);
        CHECK(size > GIB, "%zu bytes are not too much", size);
        return;
    }
    CHECK(size <= PTRDIFF_MAX, "%zu bytes", size);
    CHECK(malloc_usable_size(block) >= size, "%zu bytes", size);
    if (size > 0) {
        block[0] = 1;
        block[size - 1] = 2;
        CHECK(block[size - 1] == 2);
    }
    free(block);
}

int main(void) {
    for (int round = 0; round < 2; round++) {
        for (int shift = 0; shift < 64; shift++) {
            size_t size = (size_t)1 << shift;
            try(size - 1);
            try(size);
            try(size + 1);
            try(size + size / 2);
        }
        for (size_t below = 0; below < 200000; below += 1021) {
            try((size_t)PTRDIFF_MAX - below);
            try((size_t)PTRDIFF_MAX + below);
            try(SIZE_MAX - below);
        }
    }
    // All is well afterwards.
    for (size_t size = 0; size < 100000; size += 97)
        try(size);
    return 0;
}
