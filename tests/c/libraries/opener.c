// Opens libraries by their bare names: its own RUNPATH says where they are.
#include <dlfcn.h>

void *opener_open(const char *name, int flags) { return dlopen(name, flags); }
