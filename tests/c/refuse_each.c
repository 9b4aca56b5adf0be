// only: default it makes thousands of calls on the hardened one, and each would be a process
// timeout-s: 240
// Each system call that the library makes in a program, refused by the real system: only this one, or
// it and all that follow, or all of one kind with one error or another. The program sees null and
// ENOMEM, or nothing of it; afterwards it can have all that it could have before.
#include "memory.h"
#include "refuse.h"
#include "workload.h"
#include <sys/mman.h>
#include <sys/wait.h>

enum { REACHED = 0, NOT_REACHED = 3, MISSING = 77, MOST = 5000 };

// Fewer calls than are refused one at a time with any scheme of classes (175 with twelve of them): a
// program that makes no calls has not passed.
#define LEAST 150

// What may stay behind where one unmapping was refused: less than a SuperSlab before and behind what
// can be used again, and what the metadata needed more.
#define PIECES (3 * MIB)

static struct Workload load;

// What is mapped at the end of a child, in a page that it shares.
static size_t *left;

// A huge block that becomes longer, which is a mremap wherever it lies.
static void grow(void) {
    char *block = malloc(3 * MIB), *longer = NULL;
    if (granted(&load, block) && granted(&load, longer = realloc(block, 9 * MIB)))
        block = longer;
    free(block);
}

// The workload, from the same seeds each time, with all of the memory given back in between.
static size_t run(void) {
    load.refused = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        load.seed = seed * 0x5DEECE66D;
        workload_run_threads(&load);
        grow();
        malloc_trim(0);
        workload_end(&load);
        malloc_trim(0);
    }
    return load.refused;
}

// Two rounds, of which the first one has calls refused.
static int in_child(struct Refusal wanted) {
    watch_calls();
    refusal = wanted;
    size_t refused = run();
    int reached = calls_refused > 0;
    CHECK(reached || refused == 0, "%zu requests were refused by nobody", refused);
    refusal = (struct Refusal){1, 0, 0, 0};
    CHECK(run() == 0, "%zu requests are refused after all is well again", load.refused);
    *left = memory_now().mapped;
    return reached ? REACHED : NOT_REACHED;
}

// Whether something was refused. At most `most` bytes may be mapped in the end.
static int try(struct Refusal wanted, size_t most) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(in_child(wanted));
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == MISSING)
        _exit(MISSING);
    CHECK(code == REACHED || code == NOT_REACHED, "calls %zu to %zu of kind %ld with error %d: status %#x",
        wanted.first, wanted.last, wanted.kind, wanted.error, status);
    CHECK(*left <= most, "calls %zu to %zu of kind %ld with error %d: %zu bytes are left, not %zu",
        wanted.first, wanted.last, wanted.kind, wanted.error, *left, most);
    return code == REACHED;
}

int main(void) {
    static const long KINDS[] = {SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise};
    static const int ERRORS[] = {ENOMEM, EPERM, ENOSYS, EINVAL, EAGAIN};
    size_t alone = 0, all = 0, kinds = 0;
    left = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(left != MAP_FAILED);
    CHECK(!try((struct Refusal){1, 0, 0, 0}, SIZE_MAX), "refused what nobody asked for");
    size_t least = *left;
    for (size_t k = 1; k < MOST && try((struct Refusal){k, k, 0, ENOMEM}, least + PIECES); k++)
        alone++;
    for (size_t k = 1; k < MOST && try((struct Refusal){k, MOST, 0, ENOMEM}, least + PIECES); k++)
        all++;
    for (size_t kind = 0; kind < COUNT(KINDS); kind++)
        for (size_t error = 0; error < COUNT(ERRORS); error++)
            kinds += try((struct Refusal){1, MOST, KINDS[kind], ERRORS[error]}, least + 3 * PIECES);
    printf("%zu calls refused one at a time, %zu from one on, %zu kinds and errors\n", alone, all, kinds);
    CHECK(alone >= LEAST && all >= LEAST, "%zu and %zu calls", alone, all);
    CHECK(kinds == COUNT(KINDS) * COUNT(ERRORS), "%zu", kinds);
    return 0;
}
