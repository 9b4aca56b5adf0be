// What the programs about hakmem.h share: every function that it declares does what it says. It is
// included before anything else, and with every warning.
#include <hakmem.h>

#include "check.h"

static struct hakmem_usage usage(void) {
    struct hakmem_usage now;
    CHECK(hakmem_get_usage(&now, sizeof(now)) == sizeof(now));
    CHECK(now.mapped == now.slabs + now.spans + now.huge + now.free + now.cached + now.fresh +
            now.metadata + now.stranded, "%zu", now.mapped);
    return now;
}

// Each declaration leads to hakmem's function, not to libc's.
static void every_function_is_declared(void) {
    void *block = malloc(10);
    CHECK(usage().slabs > 0, "a malloc that is not hakmem's");
    free(block);
    free(calloc(2, 10));
    block = reallocarray(realloc(NULL, 10), 2, 10);
    CHECK(malloc_usable_size(block) >= 20);
    free_sized(block, 20);
    free_aligned_sized(aligned_alloc(64, 10), 64, 10);
    CHECK(posix_memalign(&block, 64, 10) == 0);
    cfree(block);
    free(memalign(64, 10));
    free(valloc(10));
    free(pvalloc(10));
    CHECK(malloc_trim(0) <= 1);
    CHECK(mallopt(12345, 0) == 0);
    FILE *nowhere = fopen("/dev/null", "w");
    CHECK(malloc_info(0, nowhere) == 0 && malloc_info(1, nowhere) == EINVAL);
    fclose(nowhere);
}

static void usage_follows(void) {
    struct hakmem_usage before = usage();
    void *blocks[100], *spans[10], *huge = malloc(10 * MIB);
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = malloc(20000);
    for (size_t i = 0; i < COUNT(spans); i++)
        spans[i] = malloc(200 * KIB);
    struct hakmem_usage with = usage();
    CHECK(with.heaps >= 1);
    CHECK(with.slabs >= before.slabs + 100 * 20000 - MIB, "%zu and %zu", before.slabs, with.slabs);
    CHECK(with.span_count == before.span_count + 10, "%zu", with.span_count);
    CHECK(with.spans == before.spans + 10 * 256 * KIB, "%zu and %zu", before.spans, with.spans);
    CHECK(with.huge_count == before.huge_count + 1, "%zu", with.huge_count);
    CHECK(with.huge == before.huge + 10 * MIB, "%zu and %zu", before.huge, with.huge);
    free(huge);
    for (size_t i = 0; i < COUNT(spans); i++)
        free(spans[i]);
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);
    struct hakmem_usage after = usage();
    CHECK(after.spans == before.spans && after.huge == before.huge);
    CHECK(hakmem_trim() > 0);
    CHECK(usage().mapped < after.mapped, "a trim unmaps");
}

// A program that was compiled with an older or a newer header.
static void other_versions(void) {
    size_t numbers[64];
    memset(numbers, 0xA5, sizeof(numbers));
    CHECK(hakmem_get_usage((struct hakmem_usage *)numbers, 2 * sizeof(size_t)) == 2 * sizeof(size_t));
    CHECK(numbers[0] > 0 && numbers[2] == (size_t)0xA5A5A5A5A5A5A5A5u, "not beyond what it has");
    CHECK(hakmem_get_usage((struct hakmem_usage *)numbers, sizeof(numbers)) ==
        sizeof(struct hakmem_usage));
    CHECK(numbers[sizeof(struct hakmem_usage) / sizeof(size_t)] == 0, "what it does not know is 0");
}

static void limits(void) {
    static const size_t DEFAULTS[] = {64 * MIB, 64, 1000, 1};
    size_t value = 4321;
    for (int which = HAKMEM_CACHE_BYTES; which <= HAKMEM_HUGE_PAGES; which++) {
        CHECK(hakmem_get_limit(which, &value) == 0);
        CHECK(value == DEFAULTS[which - 1], "limit %d is %zu", which, value);
    }
    CHECK(hakmem_get_limit(0, &value) == EINVAL && hakmem_get_limit(99, &value) == EINVAL);
    CHECK(hakmem_set_limit(99, 0) == EINVAL && hakmem_set_limit(HAKMEM_HUGE_PAGES, 2) == EINVAL);
    CHECK(value == DEFAULTS[3], "left alone");
    CHECK(hakmem_set_limit(HAKMEM_CACHE_AGE_MS, 77) == 0);
    CHECK(hakmem_set_limit(HAKMEM_CACHE_COUNT, 5) == 0);
    CHECK(hakmem_set_limit(HAKMEM_HUGE_PAGES, 0) == 0);
    CHECK(hakmem_get_limit(HAKMEM_CACHE_AGE_MS, &value) == 0 && value == 77);
    CHECK(hakmem_get_limit(HAKMEM_CACHE_COUNT, &value) == 0 && value == 5);
    CHECK(hakmem_get_limit(HAKMEM_HUGE_PAGES, &value) == 0 && value == 0);
}

// With a limit of 0 nothing is kept; the limit of mallopt is the same one.
static void a_limit_holds(void) {
    hakmem_trim();
    CHECK(mallopt(-1, 0) == 1);
    size_t value = 1;
    CHECK(hakmem_get_limit(HAKMEM_CACHE_BYTES, &value) == 0 && value == 0);
    free(malloc(10 * MIB));
    CHECK(usage().cached == 0);
    CHECK(hakmem_set_limit(HAKMEM_CACHE_BYTES, 32 * MIB) == 0);
    free(malloc(10 * MIB));
    CHECK(usage().cached == 10 * MIB, "%zu", usage().cached);
    CHECK(mallopt(-1, -1) == 1);
    CHECK(hakmem_get_limit(HAKMEM_CACHE_BYTES, &value) == 0 && value >= SIZE_MAX - 1);
}

static void prewarm_maps_ahead(void) {
    hakmem_trim();
    size_t fresh = usage().fresh;
    size_t mapped = hakmem_prewarm(7 * MIB);
    CHECK(mapped == 8 * MIB, "%zu", mapped);
    CHECK(usage().fresh == fresh + mapped);
    CHECK(hakmem_prewarm(0) == 0);
    hakmem_trim();
    CHECK(usage().fresh == 0);
}

int main(void) {
    CHECK(strcmp(hakmem_version(), "0.1.0") == 0, "%s", hakmem_version());
    limits();
    every_function_is_declared();
    usage_follows();
    other_versions();
    a_limit_holds();
    prewarm_maps_ahead();
    return 0;
}
