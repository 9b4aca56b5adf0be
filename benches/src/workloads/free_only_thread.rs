//! `free-only-thread`: one thread allocates, another one only frees.
//!
//! The freeing thread is started by `pthread_create` and not by Rust's library, whose threads
//! allocate a little as they start: an allocator sees a thread that never asks it for anything.
//! Objects go from one to the other through a ring without locks, so that nothing but the ring's
//! cache lines is measured beside the allocator.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | F1 | `Ring::put` | `Ring::take` | an object: its bytes |
//! | F2 | `Ring::take` | `Ring::put` | an empty slot |

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::sizes;
use crate::clock::Clock;
use crate::measure::{Common, Measured, warm_up};
use crate::object::Parcel;
use crate::rng::Rng;
use crate::wait::wait_until;

const DEFAULT_OPS: u64 = 6_000_000;

/// Objects under way at most.
const DEPTH: usize = 4096;

/// Options of `free-only-thread`.
#[derive(Clone, Debug, clap::Args)]
pub struct FreeOnlyThread {
    /// Smallest object, in bytes.
    #[arg(long, default_value_t = 16)]
    min: usize,
    /// Largest object, in bytes.
    #[arg(long, default_value_t = 1024)]
    max: usize,
}

struct Ring([AtomicPtr<u8>; DEPTH]);

/// What the freeing thread gets and leaves.
struct Job {
    ring: Ring,
    objects: u64,
    freed: AtomicU64,
}

impl FreeOnlyThread {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        sizes(self.min, self.max)?;
        if self.min < 16 {
            return Err("--min must be 16 or more".into());
        }
        if common.threads() != 2 {
            return Err("one thread allocates, one frees: --threads must be 2".into());
        }
        if common.no_alloc {
            return Err("the objects of free-only-thread change threads: no --no-alloc".into());
        }
        let ops = common.ops.unwrap_or(DEFAULT_OPS).max(1);
        let ring = Ring([const { AtomicPtr::new(ptr::null_mut()) }; DEPTH]);
        let freed = AtomicU64::new(0);
        let job = Box::new(Job { ring, objects: warm_up(ops) + ops, freed });
        let mut rng = Rng::new(common.seed, 0);
        let (seconds, allocated) = with_freeing_thread(&job, || {
            let warm = self.allocate(&job.ring, &mut rng, 0..warm_up(ops));
            let clock = Clock::start();
            let rest = self.allocate(&job.ring, &mut rng, warm_up(ops)..job.objects);
            (clock, warm.wrapping_add(rest))
        })?;
        // Relaxed: the thread has been joined.
        let checksum = allocated.wrapping_sub(job.freed.load(Ordering::Relaxed));
        Ok(Measured::new(seconds, ops, checksum))
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("min", self.min), ("max", self.max)]
    }

    /// The sum of all sizes.
    fn allocate(&self, ring: &Ring, rng: &mut Rng, numbers: std::ops::Range<u64>) -> u64 {
        let mut sum = 0_u64;
        for number in numbers {
            let size = self.min + rng.below(self.max - self.min + 1);
            ring.put(number, Parcel::new(size));
            sum = sum.wrapping_add(size as u64);
        }
        sum
    }
}

/// Runs `allocate` beside the freeing thread: seconds from what it says to the end of both.
fn with_freeing_thread(
    job: &Job,
    allocate: impl FnOnce() -> (Clock, u64),
) -> Result<(f64, u64), String> {
    let mut thread = MaybeUninit::uninit();
    let argument = ptr::from_ref(job).cast_mut().cast::<c_void>();
    // SAFETY: `free_only` takes a `Job`, which outlives the thread: it is joined below.
    let refused =
        unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), free_only, argument) };
    if refused != 0 {
        return Err(format!("no second thread: error {refused}"));
    }
    let (clock, allocated) = allocate();
    // SAFETY: `pthread_create` succeeded, so it wrote the thread.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: the thread is joined once, and here.
    let refused = unsafe { libc::pthread_join(thread, ptr::null_mut()) };
    if refused != 0 {
        return Err(format!("the freeing thread is lost: error {refused}"));
    }
    Ok((clock.stop(), allocated))
}

/// The freeing thread.
extern "C" fn free_only(job: *mut c_void) -> *mut c_void {
    // SAFETY: `with_freeing_thread` passes a `Job` that lives until this thread has ended.
    let job = unsafe { &*job.cast::<Job>() };
    let mut sum = 0_u64;
    for number in 0..job.objects {
        sum = sum.wrapping_add(job.ring.take(number));
    }
    // Relaxed: read after this thread has been joined.
    job.freed.store(sum, Ordering::Relaxed);
    ptr::null_mut()
}

impl Ring {
    #[inline(always)]
    fn put(&self, number: u64, parcel: Parcel) {
        let slot = &self.0[number as usize % DEPTH];
        // Acquire, edge F2: what the freeing thread did with the slot's last object is done.
        wait_until(|| slot.load(Ordering::Acquire).is_null());
        // Release, edge F1: publishes the object's bytes.
        slot.store(parcel.into_raw(), Ordering::Release);
    }

    /// Frees an object and returns its size.
    #[inline(always)]
    fn take(&self, number: u64) -> u64 {
        let slot = &self.0[number as usize % DEPTH];
        // Acquire, edge F1: the object's bytes are visible.
        wait_until(|| !slot.load(Ordering::Acquire).is_null());
        // Relaxed: loaded above with Acquire, and nobody else takes from the ring.
        let found = slot.load(Ordering::Relaxed);
        // Release, edge F2: the slot is free after the object has been taken out.
        slot.store(ptr::null_mut(), Ordering::Release);
        // SAFETY: `put` left it there, and this is the only thread that takes.
        unsafe { Parcel::from_raw(found) }.free()
    }
}
