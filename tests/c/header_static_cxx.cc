// only: default guards and quarantine are in the numbers of the hardened one
// static
// cflags: -Wextra -pedantic -Werror
// hakmem.h in C++, linked with the static library.
#include "header_body.h"
