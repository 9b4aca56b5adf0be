// A program with a malloc of its own: that one serves, and hakmem, preloaded beside it, neither
// calls it nor minds.
#include "check.h"

static _Alignas(16) char room[64 << 20];
static size_t taken;
// Volatile: the declarations of libc say that nothing calls back.
static __thread volatile int inside;

static void *take(size_t size) {
    CHECK(!inside, "called from hakmem");
    size = (size + 31) & ~(size_t)15;
    size_t at = __atomic_fetch_add(&taken, size, __ATOMIC_RELAXED);
    if (at + size > sizeof room)
        return NULL;
    *(size_t *)(room + at) = size - 16;
    return room + at + 16;
}

void *malloc(size_t size) { return take(size); }
void free(void *block) {
    CHECK(block == NULL || ((char *)block >= room && (char *)block < room + sizeof room));
}
void *calloc(size_t n, size_t size) { return take(n * size); }
void *realloc(void *block, size_t size) {
    char *new = take(size);
    if (block != NULL && new != NULL) {
        size_t old = ((size_t *)block)[-2];
        memcpy(new, block, old < size ? old : size);
    }
    return new;
}

static void *work(void *unused) {
    char *text = NULL;
    CHECK(asprintf(&text, "%d and %s", 5, "more") > 0);
    CHECK(text >= room && text < room + sizeof room, "libc has another malloc");
    free(text);
    // What the program does not define is hakmem's; it must not come here for its memory.
    inside = 1;
    void *aligned = aligned_alloc(64, 640);
    inside = 0;
    CHECK(aligned != NULL && is_aligned(aligned, 64));
    CHECK(!((char *)aligned >= room && (char *)aligned < room + sizeof room));
    return unused;
}

int main(void) {
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        work(NULL);
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
        pthread_join(thread, NULL);
    }
    return 0;
}
