//! The instruction that enters the system. Numbers come from the `libc` crate's constants; its
//! functions are not called, because they can be interposed and are cancellation points. (With
//! the feature `intercepted` they are, because sanitizers interpose them.)

#[cfg(all(target_arch = "aarch64", not(feature = "intercepted")))]
#[path = "aarch64.rs"]
mod imp;
#[cfg(feature = "intercepted")]
#[path = "intercepted.rs"]
mod imp;
#[cfg(all(target_arch = "x86_64", not(feature = "intercepted")))]
#[path = "x86_64.rs"]
mod imp;

pub(crate) use imp::{call, trap};

/// The highest error number that the system returns.
const MAX_ERRNO: usize = 4095;

/// What a raw return value means: a result, or an error number.
pub(crate) fn outcome(raw: usize) -> Result<usize, i32> {
    let negated = raw.wrapping_neg();
    match i32::try_from(negated) {
        Ok(errno) if negated != 0 && negated <= MAX_ERRNO => Err(errno),
        _ => Ok(raw),
    }
}
