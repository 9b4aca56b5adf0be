// Filters of system calls: the kernel refuses what a sandbox refuses.
#ifndef SECCOMP_H
#define SECCOMP_H
#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

// Word `index` of argument `n`, low half.
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
#define REFUSE(error) ANSWER(SECCOMP_RET_ERRNO | (error))
#define ALLOW ANSWER(SECCOMP_RET_ALLOW)
#define IF_EQUAL(value, skip_else) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip_else)
#define IF_ABOVE(value, skip_else) BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, value, 0, skip_else)

// For good, for this process and its children.
static inline void install(struct sock_filter *filter, size_t n) {
    struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        fprintf(stderr, "seccomp filters\n");
        exit(77);
    }
}

// Refuses these system calls.
static inline void refuse(const int *calls, size_t n, int error) {
    struct sock_filter filter[64];
    size_t at = 0;
    CHECK(2 * n + 2 <= COUNT(filter));
    filter[at++] = (struct sock_filter)LOAD(offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < n; i++) {
        filter[at++] = (struct sock_filter)IF_EQUAL((unsigned)calls[i], 1);
        filter[at++] = (struct sock_filter)REFUSE((unsigned)error);
    }
    filter[at++] = (struct sock_filter)ALLOW;
    install(filter, at);
}

#endif
