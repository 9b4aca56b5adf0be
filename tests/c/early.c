// The first call of a process may be any, and come before every constructor; the last one may come
// after `main`.
#include "check.h"
#include <sys/wait.h>

static void *kept[3];

static int first_is_malloc(void) { return malloc(100) != NULL; }
static int first_is_free(void) { free(NULL); return 1; }
static int first_is_cfree(void) { cfree(NULL); return 1; }
static int first_is_free_sized(void) { free_sized(NULL, 1); return 1; }
static int first_is_free_aligned(void) { free_aligned_sized(NULL, 16, 1); return 1; }
static int first_is_calloc(void) { return calloc(3, 5) != NULL; }
static int first_is_realloc(void) { return realloc(NULL, 70) != NULL; }
static int first_is_realloc_0(void) { return realloc(NULL, 0) != NULL; }
static int first_is_reallocarray(void) { return reallocarray(NULL, 3, 9) != NULL; }
static int first_is_usable(void) { return malloc_usable_size(NULL) == 0; }
static int first_is_memalign(void) { return memalign(512, 40) != NULL; }
static int first_is_aligned(void) { return aligned_alloc(64, 64) != NULL; }
static int first_is_valloc(void) { return valloc(1) != NULL; }
static int first_is_pvalloc(void) { return pvalloc(1) != NULL; }
static int first_is_trim(void) { malloc_trim(0); return 1; }
static int first_is_too_much(void) { return malloc(opaque(NULL) == NULL ? SIZE_MAX : 1) == NULL; }
static int first_is_a_span(void) { return malloc(100000) != NULL; }
static int first_is_huge(void) { return malloc(10 * MIB) != NULL; }
static int first_is_posix(void) {
    void *block = NULL;
    return posix_memalign(&block, 64, 10) == 0 && block != NULL;
}

static int (*const FIRST[])(void) = {first_is_malloc, first_is_free, first_is_cfree,
    first_is_free_sized, first_is_free_aligned, first_is_calloc, first_is_realloc,
    first_is_realloc_0, first_is_reallocarray, first_is_usable, first_is_memalign,
    first_is_aligned, first_is_valloc, first_is_pvalloc, first_is_trim, first_is_too_much,
    first_is_a_span, first_is_huge, first_is_posix};

// Each call is a child's first; then all the others follow.
static void each_is_first(void) {
    for (size_t i = 0; i < COUNT(FIRST); i++) {
        pid_t child = fork();
        if (child == 0) {
            for (size_t j = 0; j < COUNT(FIRST); j++)
                if (!FIRST[(i + j) % COUNT(FIRST)]())
                    _exit(2);
            _exit(0);
        }
        int status = -1;
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK(status == 0, "first call %zu: status %#x", i, status);
    }
}

static void before_all(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    each_is_first();
    kept[0] = malloc(1000);
    fill(kept[0], 1000, 0);
}

__attribute__((section(".preinit_array"), used))
static void (*const preinit)(int, char **, char **) = before_all;

__attribute__((constructor(101))) static void first_constructor(void) {
    kept[1] = calloc(1, 1000);
    CHECK(kept[1] != NULL);
    fill(kept[1], 1000, 1);
}

__attribute__((constructor)) static void constructor(void) {
    kept[2] = memalign(4096, 1000);
    CHECK(kept[2] != NULL && is_aligned(kept[2], 4096));
    fill(kept[2], 1000, 2);
}

static void at_exit(void) {
    free(kept[1]);
    char *block = malloc(200000);
    CHECK(block != NULL);
    block[0] = 1;
    free(block);
    CHECK(atexit(first_constructor) == 0, "it allocates now and then");
}

__attribute__((destructor)) static void destructor(void) {
    free(kept[0]);
    kept[0] = malloc(77);
    CHECK(kept[0] != NULL);
}

int main(void) {
    for (size_t i = 0; i < 3; i++)
        CHECK(kept[i] != NULL && broken(kept[i], 1000, i) == 1000, "%zu", i);
    each_is_first();
    for (int i = 0; i < 100; i++)
        CHECK(atexit(i ? (void (*)(void))first_is_free : at_exit) == 0);
    return 0;
}
