//! A fork while the workers work.

use std::time::{Duration, Instant};

use crate::holder::Holder;

/// A child that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Steps of a child.
const STEPS: usize = 3_000;

/// Forks. The child has the blocks of `holder`, checks and frees them, and works; the parent waits.
pub(crate) fn fork(holder: &mut Holder) {
    // SAFETY: the child uses the allocator and its own memory, and ends by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        work(holder);
        // SAFETY: ends this process.
        unsafe { libc::_exit(0) };
    }
    let status = wait(child);
    assert!(status == 0, "the child of a fork ended with status {status:#x}");
}

fn work(holder: &mut Holder) {
    holder.check_all();
    for _ in 0..STEPS {
        holder.step(1 << 20);
    }
    holder.free_all();
}

fn wait(child: libc::pid_t) -> libc::c_int {
    let start = Instant::now();
    let mut status = 0;
    loop {
        // SAFETY: a place for the status.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if ended == child {
            return status;
        }
        assert!(start.elapsed() < LIMIT, "the child of a fork does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}
