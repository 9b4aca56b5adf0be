// A library with a hakmem of its own inside, under names that nobody else sees.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

void *carrier_make(size_t size) { return memset(malloc(size), 'c', size); }
void carrier_free(void *block) { free(block); }
