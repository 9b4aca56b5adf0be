// only: default guards, and blocks that are held back, take the space that is counted here
// limit-as-kib: 200000
// Out of address space: null and ENOMEM, and all of it can be had again.
#include "check.h"

struct Node {
    struct Node *next;
    size_t size;
};

static const size_t SIZES[] = {48, 4000, 40000, 300000, 3000000, 1000, 60000, 1 << 20, 20 << 20, 100};

static size_t fill_up(struct Node **list, size_t size) {
    size_t bytes = 0;
    for (;;) {
        errno = 0;
        struct Node *node = malloc(size);
        if (node == NULL) {
            CHECK(errno == ENOMEM, "errno %d", errno);
            return bytes;
        }
        node->next = *list;
        node->size = size;
        *list = node;
        bytes += size;
    }
}

static void empty(struct Node **list, size_t size) {
    while (*list != NULL) {
        struct Node *node = *list;
        CHECK(node->size == size, "%zu", node->size);
        *list = node->next;
        free(node);
    }
}

int main(void) {
    struct Node *list = NULL;
    for (size_t round = 0; round < COUNT(SIZES); round++) {
        size_t size = SIZES[round];
        size_t first = fill_up(&list, size);
        CHECK(first > 100 * MIB, "round %zu: %zu MiB of 195", round, first / MIB);
        // With nothing left, what exists can be made smaller, and made larger fails cleanly.
        errno = 0;
        CHECK(realloc(list, 150 * MIB) == NULL && errno == ENOMEM);
        CHECK(list->size == size, "a failed realloc touches nothing");
        empty(&list, size);
        size_t second = fill_up(&list, size);
        CHECK(second >= first - first / 50, "round %zu: %zu bytes, then %zu", round, first, second);
        empty(&list, size);
    }
    return 0;
}
