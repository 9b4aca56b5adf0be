// Two threads pass blocks to each other, in an order that barriers give.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_barrier_t step;
static char *block;
void *keep;

static void *other(void *unused) {
    pthread_barrier_wait(&step);
    free(block);
    block = malloc(200);
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    block = realloc(block, 4000);
    free(malloc(5));
    pthread_barrier_wait(&step);
    return unused;
}

int main(void) {
    puts("0 a 100\n1 f 0\n1 a 200\n0 r 1 300\n1 r 1 4000\n1 a 5\n1 f 2\n1 e\n0 f 1");
    fflush(stdout);
    pthread_t thread;
    pthread_barrier_init(&step, NULL, 2);
    pthread_create(&thread, NULL, other, NULL);
    keep = malloc(771001);
    block = malloc(100);
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    block = realloc(block, 300);
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    pthread_join(thread, NULL);
    free(block);
    keep = malloc(771002);
    return 0;
}
