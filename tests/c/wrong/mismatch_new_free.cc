// expect: undetected
// hardened: undetected
// `free` of an object of `new[]`, `delete` of one of `malloc`: here they are the same.
#include "wrong.h"
#include <new>

int main() {
    free(named(::operator new[](40)));
    ::operator delete(named(malloc(40)));
    malloc_trim(0);
    return 0;
}
