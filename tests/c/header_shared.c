// only: default guards and quarantine are in the numbers of the hardened one
// shared
// cflags: -Wextra -pedantic -Werror -std=gnu99
// hakmem.h in C, linked with the shared library.
#include "header_body.h"
