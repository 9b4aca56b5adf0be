// recordings: 2
// A child that goes on is not recorded, and does not disturb; one that becomes a program is, by itself.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void *keep;

static void wait_for(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) abort();
}

int main(int argc, char **argv) {
    if (argc > 1) return malloc(99) == NULL;
    puts("0 a 10\n0 a 20\n0 f 0\n0 a 30");
    fflush(stdout);
    keep = malloc(771001);
    char *a = malloc(10);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 1000; i++) free(malloc(i));
        free(a);
        keep = malloc(40);
        pid_t grandchild = fork();
        if (grandchild == 0) _exit(malloc(50) == NULL);
        wait_for(grandchild);
        _exit(0);
    }
    wait_for(child);
    keep = malloc(20);
    free(a);
    child = vfork();
    if (child == 0) {
        execl("/proc/self/exe", argv[0], "again", NULL);
        _exit(1);
    }
    wait_for(child);
    keep = malloc(30);
    keep = malloc(771002);
    return 0;
}
