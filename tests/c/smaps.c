// /proc/self/smaps tells which memory is whose: every block lies in a mapping of the right name,
// and the names' sizes add up to what was asked for. Needs a system that knows names.
#include "check.h"
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

enum { N_SMALL = 30000, SMALL = 1000, N_HUGE = 5, HUGE = 9 << 20, MOST = 4000 };

struct mapping {
    uintptr_t begin, end;
    char name[64];
};

static struct mapping mappings[MOST];
static int n_mappings;

// Reads by `read`: stdio would allocate between the lines.
static void read_mappings(void) {
    static char text[MIB];
    size_t length = 0;
    FILE *smaps = fopen("/proc/self/smaps", "r");
    CHECK(smaps != NULL, "no /proc/self/smaps");
    length = fread(text, 1, sizeof(text) - 1, smaps);
    CHECK(length < sizeof(text) - 1, "more than %zu bytes of smaps", sizeof(text));
    fclose(smaps);
    n_mappings = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long begin, end;
        char *name = strstr(line, "[anon:");
        if (sscanf(line, "%lx-%lx ", &begin, &end) != 2)
            continue;
        CHECK(n_mappings < MOST);
        struct mapping *mapping = &mappings[n_mappings++];
        mapping->begin = begin;
        mapping->end = end;
        snprintf(mapping->name, sizeof(mapping->name), "%s", name == NULL ? "" : name);
    }
}

static size_t size_of(const char *name) {
    size_t sum = 0;
    for (int i = 0; i < n_mappings; i++)
        if (strcmp(mappings[i].name, name) == 0)
            sum += mappings[i].end - mappings[i].begin;
    return sum;
}

static const char *name_at(const void *block) {
    for (int i = 0; i < n_mappings; i++)
        if (mappings[i].begin <= (uintptr_t)block && (uintptr_t)block < mappings[i].end)
            return mappings[i].name;
    return "nothing";
}

// Whether this system names a mapping of our own.
static int names_are_known(void) {
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    int known = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, page, 4096, "own page") == 0;
    munmap(page, 4096);
    return known;
}

int main(void) {
    static char *small[N_SMALL], *huge[N_HUGE];
    if (!names_are_known()) {
        fprintf(stderr, "a system that names mappings (CONFIG_ANON_VMA_NAME)\n");
        return 77;
    }
    for (int i = 0; i < N_SMALL; i++)
        CHECK((small[i] = malloc(SMALL)) != NULL);
    for (int i = 0; i < N_HUGE; i++)
        CHECK((huge[i] = malloc(HUGE)) != NULL);
    read_mappings();
    const char *slabs = "[anon:hakmem superslab]", *blocks = "[anon:hakmem huge]";
    for (int i = 0; i < N_SMALL; i++)
        CHECK(strcmp(name_at(small[i]), slabs) == 0, "%p: %s", small[i], name_at(small[i]));
    for (int i = 0; i < N_HUGE; i++) {
        CHECK(strcmp(name_at(huge[i]), blocks) == 0, "%p: %s", huge[i], name_at(huge[i]));
        CHECK(strcmp(name_at(huge[i] + HUGE - 1), blocks) == 0, "the end of %p", huge[i]);
    }
    size_t of_slabs = size_of(slabs), of_blocks = size_of(blocks);
    // The tail of the last step is mapped ahead: at most an eighth.
    size_t asked = (size_t)N_SMALL * SMALL;
    CHECK(asked <= of_slabs && of_slabs <= asked + asked / 4 + 4 * MIB, "%zu", of_slabs);
    CHECK(of_blocks == N_HUGE * 10 * MIB, "%zu", of_blocks);
    size_t meta = size_of("[anon:hakmem meta]"), table = size_of("[anon:hakmem table]");
    CHECK(64 * KIB <= meta && meta <= 4 * MIB, "%zu", meta);
    CHECK(768 * KIB <= table && table <= 4 * MIB, "%zu", table);
    return 0;
}
