// Has the system refuse calls of the library in this process, one by one: a filter sends each of its
// mmap, munmap, mremap and madvise to a handler, which makes the call or refuses it. Calls of anybody
// else are left alone. Works where a filter may be set, which a plain process may do for itself.
#ifndef REFUSE_H
#define REFUSE_H
#include "check.h"
#include <dlfcn.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

// What is refused: call number `first` (from 1) to call number `last`, of this kind (0: any).
static struct Refusal {
    size_t first, last;
    long kind;
    int error;
} refusal;

static atomic_size_t calls_made, calls_refused;

static void on_call(int signal, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    long kind = info->si_syscall;
    size_t number = atomic_fetch_add(&calls_made, 1) + 1;
    (void)signal;
    if (number >= refusal.first && number <= refusal.last &&
        (refusal.kind == 0 || refusal.kind == kind)) {
        atomic_fetch_add(&calls_refused, 1);
        registers[REG_RAX] = -refusal.error;
        return;
    }
    int before = errno;
    long result = syscall(kind, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
        registers[REG_R10], registers[REG_R8], registers[REG_R9]);
    registers[REG_RAX] = result == -1 ? -errno : result;
    errno = before;
}

struct Text {
    uintptr_t inside, begin, end;
};

// Notes where the code is that `inside` is part of.
static int note_text(struct dl_phdr_info *info, size_t size, void *argument) {
    struct Text *text = argument;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && text->inside >= begin && text->inside < end) {
            text->begin = begin;
            text->end = end;
            return 1;
        }
    }
    return 0;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define IF(test, value, yes, no) BPF_JUMP(BPF_JMP | BPF_##test | BPF_K, value, yes, no)

// From here on, in this thread and those that it starts. Ends the program with status 77 where no
// filter may be set.
static void watch_calls(void) {
    struct Text text = {(uintptr_t)malloc, 0, 0};
    dl_iterate_phdr(note_text, &text);
    CHECK(text.end != 0, "no code of malloc");
    CHECK(text.begin >> 32 == text.end >> 32, "code on both sides of a multiple of 4 GiB");
    struct sock_filter filter[] = {
        LOAD(arch),
        IF(JEQ, AUDIT_ARCH_X86_64, 0, 10),
        LOAD(nr),
        IF(JEQ, SYS_mmap, 3, 0),
        IF(JEQ, SYS_munmap, 2, 0),
        IF(JEQ, SYS_mremap, 1, 0),
        IF(JEQ, SYS_madvise, 0, 5),
        LOAD_HIGH(instruction_pointer),
        IF(JEQ, (uint32_t)(text.begin >> 32), 0, 3),
        LOAD(instruction_pointer),
        IF(JGE, (uint32_t)text.begin, 0, 1),
        IF(JGE, (uint32_t)text.end, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    struct sock_fprog program = {COUNT(filter), filter};
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    CHECK(sigaction(SIGSYS, &action, NULL) == 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        fprintf(stderr, "system call filters\n");
        _exit(77);
    }
}

#endif
