// Wraps what an allocator could call, the way tracers do: each wrapper looks for the real function
// by dlsym, and counts.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

int hooks_called;

#define REAL(name, type) ((type)(hooks_called++, dlsym(RTLD_NEXT, name)))

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    return REAL("mmap", void *(*)(void *, size_t, int, int, int, off_t))(
        address, size, protection, flags, file, offset);
}
int munmap(void *address, size_t size) {
    return REAL("munmap", int (*)(void *, size_t))(address, size);
}
int madvise(void *address, size_t size, int advice) {
    return REAL("madvise", int (*)(void *, size_t, int))(address, size, advice);
}
int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    return REAL("open", int (*)(const char *, int, ...))(path, flags, mode);
}
ssize_t read(int file, void *buffer, size_t size) {
    return REAL("read", ssize_t(*)(int, void *, size_t))(file, buffer, size);
}
ssize_t write(int file, const void *buffer, size_t size) {
    return REAL("write", ssize_t(*)(int, const void *, size_t))(file, buffer, size);
}
