//! Runs of one thread are bound to one CPU, always the same.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::cases::Case;

/// Where runs are bound to.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    /// The CPUs that this process may use.
    pub(crate) allowed: Vec<usize>,
    cpu: Option<usize>,
    /// What is done, in words.
    pub(crate) words: String,
}

impl Pin {
    /// Chooses the last of the CPUs that are allowed: the first ones answer to most devices.
    pub(crate) fn choose(wanted: bool) -> Self {
        let allowed = allowed();
        let last = allowed.last().copied().filter(|_| wanted && allowed.len() > 1);
        let words = match last {
            Some(cpu) => format!("rows of one thread are bound to CPU {cpu}; others are not bound"),
            None if !wanted => "nothing is bound (--no-pin)".to_owned(),
            None => "nothing is bound: there is no choice of CPUs".to_owned(),
        };
        Self { allowed, cpu: last, words }
    }

    /// The CPU for the runs of `case`.
    pub(crate) fn cpu(&self, case: &Case) -> Option<usize> {
        self.cpu.filter(|_| case.threads() == 1)
    }

    /// Binds the process that `command` starts. A kernel that refuses leaves it unbound.
    pub(crate) fn bind(&self, command: &mut Command, case: &Case) {
        let Some(cpu) = self.cpu(case) else { return };
        let mut set = empty();
        // SAFETY: `cpu` came from a set of this size.
        unsafe { libc::CPU_SET(cpu, &mut set) };
        let bind = move || {
            // SAFETY: the set is a live value of the size given; 0 is the calling thread.
            unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes one system call and nothing else.
        unsafe { command.pre_exec(bind) };
    }
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: the type is an array of integers, for which zeros are the empty set.
    unsafe { std::mem::zeroed() }
}

/// The CPUs that this process may use, as numbers.
fn allowed() -> Vec<usize> {
    let mut set = empty();
    // SAFETY: the set is a live value of the size given; 0 is the calling thread.
    let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) } != 0;
    if failed {
        return Vec::new();
    }
    // SAFETY: the numbers are below the size of the set.
    let has = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &set) };
    (0..8 * size_of_val(&set)).filter(has).collect()
}
