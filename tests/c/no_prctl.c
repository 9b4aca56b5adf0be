// A filter that refuses `prctl`, from before the process begins or later: memory is had as ever.
#include "check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

// From now on `prctl` says `answer`.
static void refuse(int answer) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT(filter), filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "%s", strerror(errno));
    CHECK(prctl(PR_GET_DUMPABLE) == -1 && errno == answer, "the filter holds");
}

static void use(void) {
    enum { N = 200 };
    static char *blocks[N];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            size_t size = i % 10 == 0 ? 5 * MIB : (size_t)i * 700;
            errno = 4321;
            CHECK((blocks[i] = malloc(size)) != NULL, "%zu bytes", size);
            CHECK(errno == 4321, "errno %d", errno);
            fill(blocks[i], size < 2000 ? size : 2000, (size_t)i);
        }
        for (int i = 0; i < N; i++) {
            CHECK(broken(blocks[i], 100, (size_t)i) >= 100 || i * 700 < 100);
            free(blocks[i]);
        }
        malloc_trim(0);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "again") == 0) {
        use();
        return 0;
    }
    int answers[] = {EPERM, ENOSYS, EACCES, EINVAL};
    for (size_t i = 0; i < COUNT(answers); i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            refuse(answers[i]);
            use();
            execl("/proc/self/exe", argv[0], "again", (char *)NULL);
            _exit(1);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0, "%d", answers[i]);
    }
    use();
    return 0;
}
