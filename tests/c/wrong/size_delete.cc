// expect: undetected
// hardened: undetected
// The sized `operator delete` with the size of a derived class that the object is not of.
#include "wrong.h"
#include <new>

int main() {
    void *object = ::operator new(40);
    ::operator delete(named(object), (std::size_t)400);
    malloc_trim(0);
    return 0;
}
