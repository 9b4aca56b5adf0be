// limit-as-kib: 200000
// timeout-s: 180
// A hundred times: blocks of mixed sizes until there is no memory, down to the last 16 bytes, and all
// of them freed. The last rounds get as much as the first ones, and nothing is left over.
#include "memory.h"

// More than one: they run out together, and each frees what another one has allocated.
#ifndef N_THREADS
#define N_THREADS 1
#endif

// Who of several threads gets how much differs from round to round. A unit that is lost in each
// round is more than either.
enum { N_ROUNDS = 100, MOST = 1 << 18, NOISE = N_THREADS > 1 ? 8 : 1 };

struct Block {
    char *bytes;
    size_t size;
};

struct Hand {
    size_t n, bytes, round;
    struct Block *blocks;
};

static struct Hand hands[N_THREADS];
static pthread_barrier_t barrier;

// Touches both ends, so that what is mapped is also used. A hand is full at `MOST`: who asks for 16 bytes
// when another thread's large request has just failed finds all that it left.
static int take(struct Hand *hand, size_t size) {
    if (hand->n == MOST)
        return 0;
    errno = 0;
    char *bytes = malloc(size);
    if (bytes == NULL) {
        CHECK(errno == ENOMEM, "errno %d", errno);
        return 0;
    }
    bytes[0] = bytes[size - 1] = (char)size;
    hand->blocks[hand->n++] = (struct Block){bytes, size};
    hand->bytes += size;
    return 1;
}

// Random sizes until the first null, then smaller and smaller ones. The same in every round, so that
// the rounds can be compared.
static void take_all(struct Hand *hand) {
    uint64_t seed = 0x1234567 + (uint64_t)(hand - hands);
    hand->n = hand->bytes = 0;
    for (size_t size = 1; take(hand, size); size = random_size(&seed) + 1) {
    }
    for (size_t size = 64 * MIB; size >= 16; size /= 2)
        while (take(hand, size)) {
        }
}

// In random order in most rounds, backwards in the others.
static void give_all(struct Hand *hand, size_t round) {
    uint64_t seed = round + 1;
    errno = 4321;
    for (; hand->n > 0; hand->n--) {
        size_t which = round % 4 == 3 ? hand->n - 1 : next_random(&seed) % hand->n;
        struct Block block = hand->blocks[which];
        char mark = (char)block.size;
        CHECK(block.bytes[0] == mark && block.bytes[block.size - 1] == mark, "written to");
        free(block.bytes);
        hand->blocks[which] = hand->blocks[hand->n - 1];
    }
    CHECK(errno == 4321, "errno %d", errno);
}

static void meet(void) {
    if (N_THREADS > 1)
        pthread_barrier_wait(&barrier);
}

static void *work(void *argument) {
    struct Hand *mine = argument, *theirs = &hands[(mine - hands + 1) % N_THREADS];
    // None takes what the next one's stack needs.
    meet();
    take_all(mine);
    meet();
    give_all(theirs, mine->round);
    return NULL;
}

// Threads of this round only, on small stacks. Returns how many bytes they had together.
static size_t run(size_t round) {
    pthread_t threads[N_THREADS];
    pthread_attr_t small;
    size_t bytes = 0;
    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstacksize(&small, 256 * KIB) == 0);
    for (int i = 0; i < N_THREADS; i++) {
        hands[i].round = round;
        if (N_THREADS == 1)
            work(&hands[i]);
        else
            CHECK(pthread_create(&threads[i], &small, work, &hands[i]) == 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        if (N_THREADS > 1)
            CHECK(pthread_join(threads[i], NULL) == 0);
        bytes += hands[i].bytes;
    }
    pthread_attr_destroy(&small);
    return bytes;
}

// The mean of ten values.
static size_t mean(const size_t *values) {
    size_t sum = 0;
    for (int i = 0; i < 10; i++)
        sum += values[i];
    return sum / 10;
}

int main(void) {
    static size_t bytes[N_ROUNDS];
    struct Memory early = {0, 0}, middle = {0, 0}, late;
    CHECK(pthread_barrier_init(&barrier, NULL, N_THREADS) == 0);
    for (int i = 0; i < N_THREADS; i++) {
        CHECK((hands[i].blocks = malloc(MOST * sizeof(struct Block))) != NULL);
        // How much of it is used differs from round to round, and is not to be seen.
        memset(hands[i].blocks, 1, MOST * sizeof(struct Block));
    }
    for (size_t round = 0; round < N_ROUNDS; round++) {
        bytes[round] = run(round);
        CHECK(bytes[round] > 40 * MIB, "round %zu: %zu MiB", round, bytes[round] / MIB);
        CHECK(bytes[round] < 200000 * KIB, "round %zu: no end of memory", round);
        malloc_trim(0);
        late = memory_now();
        if (round == 1)
            early = late;
        if (round == N_ROUNDS / 2)
            middle = late;
    }
    size_t first = mean(bytes + 1), last = mean(bytes + N_ROUNDS - 10);
    CHECK(last >= first - first / 100 * NOISE, "%zu bytes a round, then %zu", first, last);
    // Not one SuperSlab: the metadata may have got one more chunk.
    CHECK(late.mapped < early.mapped + 2 * MIB, "mapped: %zu bytes, then %zu", early.mapped,
        late.mapped);
    // The first rounds bring new numbers of slabs, and so new descriptors; later ones hardly any.
    CHECK(late.resident <= early.resident + 256 * KIB * NOISE, "resident: %zu bytes, then %zu",
        early.resident, late.resident);
    CHECK(late.resident <= middle.resident + 64 * KIB * NOISE, "resident: %zu bytes, then %zu",
        middle.resident, late.resident);
    return 0;
}
