// static
// cflags: -static
// The same without any shared library: libc's own malloc must not come in beside ours.
#include "static_link.c"
