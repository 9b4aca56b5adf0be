// A library that exchanges blocks with its program: which `malloc` does it find?
#include <stdlib.h>
#include <string.h>

void *exchange_make(size_t size) { return memset(malloc(size), 'x', size); }
void *exchange_grow(void *block, size_t size) { return realloc(block, size); }
void exchange_free(void *block) { free(block); }
char *exchange_copy(const char *text) { return strdup(text); }
