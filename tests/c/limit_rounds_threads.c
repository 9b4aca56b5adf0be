// limit-as-kib: 200000
// timeout-s: 180
// The rounds of limit_rounds.c in threads: they run out of memory together, free each other's blocks,
// and end.
#define N_THREADS 4
#include "limit_rounds.c"
