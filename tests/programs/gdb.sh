# A debugger, and in it a program with threads that the debugger stops and looks into.
cat >debugged.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { int value; struct node *next; } *list;
static void *work(void *arg) {
    for (long i = 0; i < 1000; i++) free(malloc(i * 10));
    return arg;
}
int stop_here(int n) { return n + 1; }
int main(void) {
    pthread_t t[4];
    for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, work, (void *)i);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    for (int i = 0; i < 20; i++) {
        struct node *n = malloc(sizeof *n);
        n->value = i; n->next = list; list = n;
    }
    return stop_here(41) - 42;
}
C
gcc -g -O0 -pthread debugged.c -o debugged
gdb -nx -q -batch -iex 'set auto-load safe-path /' -iex 'set debuginfod enabled off' -ex 'set confirm off' \
    -ex 'break stop_here' -ex run -ex backtrace -ex 'print n' -ex 'print list->next->value' \
    -ex 'print (int)stop_here(1)' -ex 'ptype list' -ex finish -ex 'info line main' -ex continue ./debugged \
    | grep -v -e 'New Thread' -e 'exited' -e 'libthread_db'
