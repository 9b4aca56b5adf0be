// static
// cflags: -static
// A process that has nothing: no /proc, no /sys, no files at all, no open descriptors. Nothing is
// opened, and nothing is needed.
#include "check.h"
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void *work(void *unused) {
    uint64_t random = 3;
    for (int i = 0; i < 3000; i++) {
        size_t size = random_size(&random);
        char *block = calloc(1, size);
        if (block == NULL)
            _exit(2);
        if (size > 0)
            block[size - 1] = 1;
        free(block);
    }
    malloc_trim(0);
    return unused;
}

// Without descriptors there is nobody to tell: the exit status says what is wrong.
static int in_the_cell(void) {
    pthread_t thread;
    work(NULL);
    if (pthread_create(&thread, NULL, work, NULL) != 0)
        return 3;
    pthread_join(thread, NULL);
    // The lowest descriptor is free as long as nobody has opened anything.
    return dup(0) == -1 && errno == EBADF && access("/proc", F_OK) != 0 ? 0 : 4;
}

static void enter_the_cell(char **argv) {
    char folder[] = "/tmp/hakmem-cell-XXXXXX", program[64];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(program, sizeof program, "%s/program", folder);
    FILE *from = fopen("/proc/self/exe", "r"), *to = fopen(program, "w");
    CHECK(from != NULL && to != NULL);
    char bytes[4096];
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, from)) > 0;)
        CHECK(fwrite(bytes, 1, n, to) == n);
    CHECK(fclose(to) == 0 && chmod(program, 0700) == 0);
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"/program", argv[1], "in the cell", NULL};
        if (chroot(folder) != 0 && (unshare(CLONE_NEWUSER) != 0 || chroot(folder) != 0))
            _exit(77);
        for (int file = 0; file < 100; file++)
            close(file);
        execve("/program", arguments, (char *[]){NULL});
        _exit(5);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    unlink(program);
    rmdir(folder);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        fprintf(stderr, "the right to chroot\n");
        exit(77);
    }
    CHECK(status == 0, "status %#x", status);
}

int main(int argc, char **argv) {
    if (argc == 3)
        return in_the_cell();
    enter_the_cell(argv);
    return 0;
}
