// timeout-s: 300
// only: default every call is a slow path on the hardened one: too many steps
// A signal handler interrupts malloc and free after any instruction of their slow paths, and
// allocates, writes, and frees; or never returns, and jumps out. Whatever the thread holds stays its
// own. (The handful of instructions of a hit can be jumped out of, but not entered twice.)
#include "step.h"
#include <fcntl.h>
#include <semaphore.h>
#include <setjmp.h>

enum { SIZE = 48, OTHER = 700, HIT = 120 };

static struct Live live[N_LIVE], spare[64], kept[400];
static char *foreign[200], *others[20000];
static sigjmp_buf out;
static long jump_at;
static int null_file, n_traps, n_jumps, n_deep;

static size_t size_of(int i) { return i % 2 ? SIZE : OTHER; }

// Three blocks of each size: more than a bin has at times.
static void use_malloc(void) {
    for (int i = 0; i < 6; i++)
        keep(&spare[i], malloc(size_of(i)), size_of(i));
    check_live(spare, 6, "the handler's");
    for (int i = 6; i-- > 0;)
        free(take_out(&spare[i]));
}

// Blocks that stay, and blocks of other moments that go.
static void keep_some(void) {
    static unsigned next;
    for (int i = 0; i < 5; i++, next++) {
        struct Live *place = &kept[next % COUNT(kept)];
        free(take_out(place));
        keep(place, malloc(size_of(next)), size_of(next));
    }
}

static void nest(long number) {
    char text[64];
    if (number < HIT || number % 29 != n_traps % 29)
        return;
    use_malloc();
    keep_some();
    CHECK(write(null_file, text, snprintf(text, sizeof text, "trap %ld", number)) > 0);
    n_traps++;
}

// Frees blocks of many slabs of another thread while one is being freed.
static void nest_remote(long number) {
    static size_t next;
    (void)number;
    if (next < COUNT(others))
        free(others[next++]);
}

static void jump(long number) {
    if (number != jump_at)
        return;
    n_jumps++;
    n_deep += number > HIT;
    siglongjmp(out, 1);
}

static char *stepped_malloc(size_t size) {
    step_start();
    char *block = malloc(size);
    step_stop();
    return block;
}

static void stepped_free(char *block) {
    step_start();
    free(block);
    step_stop();
}

static void nest_everywhere(void) {
    step_prepare(nest);
    for (int i = 0; i < N_LIVE; i++)
        keep(&live[i], stepped_malloc(size_of(i)), size_of(i));
    check_live(live, N_LIVE, "the thread's");
    check_live(kept, COUNT(kept), "the handler's");
    for (int i = 0; i < N_LIVE; i++)
        stepped_free(take_out(&live[i]));
    // Blocks of another thread: never a hit.
    step_prepare(nest_remote);
    for (size_t i = 0; i < COUNT(foreign); i++)
        stepped_free(foreign[i]);
    check_live(kept, COUNT(kept), "the handler's");
    CHECK(n_traps > 1000, "%d", n_traps);
}

// At most the block of the interrupted call is lost.
static void jump_from_everywhere(void) {
    step_prepare(jump);
    for (volatile int i = 0; i < N_LIVE; i++) {
        jump_at = i * 3;
        if (sigsetjmp(out, 1) == 0) {
            char *block = stepped_malloc(size_of(i));
            keep(&live[i], block, size_of(i));
        } else {
            keep(&live[i], malloc(size_of(i)), size_of(i));
        }
    }
    check_live(live, N_LIVE, "the thread's");
    for (volatile int i = 0; i < N_LIVE; i++) {
        jump_at = i % 250;
        char *block = take_out(&live[i]);
        if (sigsetjmp(out, 1) == 0)
            stepped_free(block);
        if (i % 10 == 0)
            use_malloc();
    }
    // Out of hits, and out of the slow paths.
    CHECK(n_jumps > 100 && n_deep > 10, "%d jumps, %d deep", n_jumps, n_deep);
}

static sem_t made, freed;

static void use_own_again(void) {
    static struct Live own[COUNT(others)];
    for (size_t i = 0; i < COUNT(own); i++)
        keep(&own[i], malloc(16 + i % 60 * 16), 16);
    check_live(own, COUNT(own), "the other thread's");
    for (size_t i = 0; i < COUNT(own); i++)
        free(take_out(&own[i]));
}

static void *make_foreign(void *unused) {
    for (size_t i = 0; i < COUNT(foreign); i++)
        CHECK((foreign[i] = malloc(SIZE)) != NULL);
    for (size_t i = 0; i < COUNT(others); i++)
        CHECK((others[i * 7919 % COUNT(others)] = malloc(16 + i % 60 * 16)) != NULL);
    // What was put into the wrong place shows when its owner looks.
    sem_post(&made);
    sem_wait(&freed);
    use_own_again();
    return unused;
}

// Without a trap: all is as before.
static void go_on(void) {
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < N_LIVE; i++)
            keep(&live[i], malloc(size_of(i + round)), size_of(i + round));
        check_live(live, N_LIVE, "the thread's");
        for (int i = 0; i < N_LIVE; i++)
            free(take_out(&live[i]));
    }
    malloc_trim(0);
}

static void *go_on_in_a_thread(void *unused) {
    go_on();
    return unused;
}

static void *in_a_thread(void *unused) {
    nest_everywhere();
    go_on();
    jump_from_everywhere();
    go_on();
    return unused;
}

// Jumps out, and ends without another call: its heap must not be used again as it is.
static void *jump_and_end(void *at) {
    static __thread struct Live mine[64];
    for (int i = 0; i < 64; i++)
        keep(&mine[i], malloc(size_of(i)), size_of(i));
    jump_at = (intptr_t)at;
    if (sigsetjmp(out, 1) == 0) {
        step_start();
        for (int i = 0; i < 64; i++)
            free(take_out(&mine[i]));
        step_stop();
    }
    return NULL;
}

static void jump_and_end_everywhere(void) {
    for (intptr_t at = 0; at < 4000; at += 61) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, jump_and_end, (void *)at) == 0);
        pthread_join(thread, NULL);
        // The next thread takes what this one left.
        CHECK(pthread_create(&thread, NULL, go_on_in_a_thread, NULL) == 0);
        pthread_join(thread, NULL);
    }
}

int main(void) {
    pthread_t thread, other;
    null_file = open("/dev/null", O_WRONLY);
    CHECK(sem_init(&made, 0, 0) == 0 && sem_init(&freed, 0, 0) == 0);
    CHECK(pthread_create(&other, NULL, make_foreign, NULL) == 0);
    sem_wait(&made);
    // The heap that was left in the middle of its work must not trouble its thread's end.
    CHECK(pthread_create(&thread, NULL, in_a_thread, NULL) == 0);
    pthread_join(thread, NULL);
    sem_post(&freed);
    pthread_join(other, NULL);
    go_on();
    jump_and_end_everywhere();
    return 0;
}
