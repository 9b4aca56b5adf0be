// only: default guards and quarantine are in the numbers of the hardened one
// glibc's statistics speak of hakmem's memory, and agree with what the program did.
#include "check.h"

// Deprecated by glibc, and here to be compared.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { BLOCKS = 20000, BLOCK = 2000, SPANS = 30, HUGE = 4 };

static struct mallinfo2 info(void) {
    struct mallinfo2 now = mallinfo2();
    CHECK(now.arena == now.uordblks + now.fordblks, "%zu", now.arena);
    CHECK(now.fordblks / 65536 == now.ordblks && now.keepcost <= now.fordblks);
    CHECK(now.smblks == 0 && now.usmblks == 0 && now.fsmblks == 0);
    return now;
}

static void narrow_says_the_same(const struct mallinfo2 *wide) {
    struct mallinfo narrow = mallinfo();
    CHECK((size_t)narrow.arena == wide->arena && (size_t)narrow.uordblks == wide->uordblks);
    CHECK((size_t)narrow.fordblks == wide->fordblks && (size_t)narrow.ordblks == wide->ordblks);
    CHECK((size_t)narrow.hblks == wide->hblks && (size_t)narrow.hblkhd == wide->hblkhd);
    CHECK((size_t)narrow.keepcost == wide->keepcost);
}

static void numbers_follow_the_program(void) {
    static void *blocks[BLOCKS], *spans[SPANS], *huge[HUGE];
    struct mallinfo2 before = info();
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(BLOCK);
    for (int i = 0; i < SPANS; i++)
        spans[i] = malloc(300 * KIB);
    struct mallinfo2 with = info();
    narrow_says_the_same(&with);
    size_t least = (size_t)BLOCKS * BLOCK + SPANS * 300 * KIB, grown = with.uordblks - before.uordblks;
    CHECK(grown >= least - MIB && grown <= least + least / 8 + MIB, "%zu for %zu", grown, least);
    CHECK(with.hblks == before.hblks && with.hblkhd == before.hblkhd);
    for (int i = 0; i < HUGE; i++)
        huge[i] = malloc(3 * MIB);
    with = info();
    narrow_says_the_same(&with);
    CHECK(with.hblks == before.hblks + HUGE, "%zu", with.hblks);
    CHECK(with.hblkhd == before.hblkhd + HUGE * 4 * MIB, "%zu", with.hblkhd);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    for (int i = 0; i < SPANS; i++)
        free(spans[i]);
    for (int i = 0; i < HUGE; i++)
        free(huge[i]);
    malloc_trim(0);
    struct mallinfo2 after = info();
    CHECK(after.uordblks <= before.uordblks + MIB, "%zu", after.uordblks);
    CHECK(after.hblks == before.hblks && after.hblkhd == before.hblkhd);
    CHECK(after.keepcost == 0, "%zu after a trim", after.keepcost);
}

static void too_large_for_an_int(void) {
    char *block = malloc(3 * GIB);
    if (block != NULL) {
        CHECK(mallinfo().hblkhd == INT32_MAX, "%d", mallinfo().hblkhd);
        CHECK(info().hblkhd >= 3 * GIB);
    }
    free(block);
}

// The value of `attribute` in the first element that begins like `element`.
static size_t number(const char *text, const char *element, const char *attribute) {
    const char *at = strstr(text, element);
    CHECK(at != NULL, "no %s in:\n%s", element, text);
    const char *end = strchr(at, '>'), *value = strstr(at, attribute);
    CHECK(value != NULL && value < end, "no %s in %s", attribute, element);
    return strtoull(value + strlen(attribute) + 2, NULL, 10);
}

// The bytes in slabs of the class that serves a request of `size` bytes.
static size_t slabs_for(const char *text, size_t size) {
    const char *at = text;
    while ((at = strstr(at, "<slab size=\"")) != NULL) {
        size_t block = strtoull(at + strlen("<slab size=\""), NULL, 10);
        if (block >= size)
            return number(at, "<slab", "total");
        at++;
    }
    CHECK(0, "no class for %zu bytes in:\n%s", size, text);
    return 0;
}

// Every element that is opened is closed, in order.
static void is_well_formed(const char *text) {
    char open[16][32];
    int depth = 0;
    for (const char *at = strchr(text, '<'); at != NULL; at = strchr(at + 1, '<')) {
        char name[32] = "";
        const char *end = strchr(at, '>');
        CHECK(end != NULL && sscanf(at, at[1] == '/' ? "</%31[a-z]" : "<%31[a-z]", name) == 1);
        if (at[1] == '/') {
            CHECK(depth > 0 && strcmp(open[--depth], name) == 0, "</%s>", name);
        } else if (end[-1] != '/') {
            CHECK(depth < 16);
            strcpy(open[depth++], name);
        }
    }
    CHECK(depth == 0);
}

static void xml(void) {
    static char text[65536];
    void *small = malloc(3000), *huge = malloc(7 * MIB);
    FILE *file = fmemopen(text, sizeof(text), "w");
    // Twice, because the stream allocates its buffer at first.
    CHECK(file != NULL && malloc_info(0, file) == 0);
    rewind(file);
    CHECK(malloc_info(0, file) == 0);
    struct mallinfo2 now = info();
    fclose(file);
    CHECK(strncmp(text, "<malloc version=\"1\">\n", 21) == 0, "%s", text);
    is_well_formed(text);
    CHECK(slabs_for(text, 3000) >= 65536);
    CHECK(number(text, "<total type=\"mmap\"", "count") == now.hblks);
    CHECK(number(text, "<total type=\"mmap\"", "size") == now.hblkhd);
    CHECK(number(text, "<total type=\"rest\"", "size") == now.fordblks);
    CHECK(number(text, "<system type=\"current\"", "size") == now.arena);
    CHECK(number(text, "<aspace type=\"total\"", "size") >= now.arena + now.hblkhd);
    free(small);
    free(huge);
    CHECK(malloc_info(1, stdout) == EINVAL);
    CHECK(malloc_info(-1, stdout) == EINVAL);
    FILE *full = fopen("/dev/full", "w");
    CHECK(full != NULL);
    setbuf(full, NULL);
    CHECK(malloc_info(0, full) == -1);
    fclose(full);
}

// What a function writes to standard error.
static size_t written(void (*function)(void), char *text, size_t size) {
    int ends[2], kept = dup(2);
    CHECK(pipe(ends) == 0 && kept > 0 && dup2(ends[1], 2) == 2);
    function();
    CHECK(dup2(kept, 2) == 2);
    close(kept);
    close(ends[1]);
    size_t length = 0;
    ssize_t n;
    while ((n = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)n;
    close(ends[0]);
    text[length] = 0;
    return length;
}

static void stats_on_stderr(void) {
    static char text[65536];
    struct mallinfo2 before = info();
    CHECK(written(malloc_stats, text, sizeof(text)) > 100);
    struct mallinfo2 after = info();
    CHECK(memcmp(&before, &after, sizeof(after)) == 0, "it allocated");
    char line[64];
    snprintf(line, sizeof(line), "in use bytes     = %15zu\n", after.uordblks + after.hblkhd);
    CHECK(strstr(text, line) != NULL, "no `%s` in:\n%s", line, text);
    CHECK(strncmp(text, "system bytes     = ", 19) == 0, "%s", text);
}

static void *ask(void *unused) {
    for (int i = 0; i < 200; i++) {
        void *block = malloc(300 * KIB);
        mallinfo2();
        free(block);
    }
    return unused;
}

int main(void) {
    info();
    numbers_follow_the_program();
    too_large_for_an_int();
    xml();
    stats_on_stderr();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, ask, NULL) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    info();
    return 0;
}
