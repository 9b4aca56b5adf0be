//! The C library beside the system's: the same calls, the same answers, the same `errno`.
//!
//! `libhakmem.so` is loaded beside the system's library, so that one process has both. Alignments that
//! are no powers of two are left to `posix_memalign`: the others' answer differs between versions of
//! glibc.
#![expect(clippy::expect_used, reason = "a test stops where it fails")]

use std::ffi::{CString, c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::{self, NonNull};

use bolero::check;
use hakmem_fuzz::bits::{Bits, Step, Steps};
use hakmem_fuzz::reproducible;

/// One of C's functions.
type Function = *mut c_void;

/// Declares C's functions, and how they are looked up.
macro_rules! api {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// C's functions of one library.
        #[derive(Clone, Copy, Debug)]
        struct Api {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Api {
            /// Those of the library behind `handle`.
            fn load(handle: *mut c_void) -> Self {
                Self {
                    $($name: {
                        let function = symbol(handle, stringify!($name));
                        // SAFETY: the C standard, POSIX or glibc say that it is of this type.
                        unsafe {
                            std::mem::transmute::<
                                Function,
                                unsafe extern "C" fn($($argument),*) $(-> $result)?,
                            >(function)
                        }
                    },)*
                }
            }
        }
    };
}

api! {
    malloc: fn(usize) -> *mut u8;
    calloc: fn(usize, usize) -> *mut u8;
    realloc: fn(*mut u8, usize) -> *mut u8;
    reallocarray: fn(*mut u8, usize, usize) -> *mut u8;
    posix_memalign: fn(*mut *mut u8, usize, usize) -> c_int;
    aligned_alloc: fn(usize, usize) -> *mut u8;
    memalign: fn(usize, usize) -> *mut u8;
    valloc: fn(usize) -> *mut u8;
    pvalloc: fn(usize) -> *mut u8;
    free: fn(*mut u8);
    malloc_usable_size: fn(*mut u8) -> usize;
}

fn symbol(handle: *mut c_void, name: &str) -> Function {
    let text = CString::new(name).expect("a name");
    // SAFETY: a handle or `RTLD_DEFAULT`, and a string.
    let function = unsafe { libc::dlsym(handle, text.as_ptr()) };
    assert!(!function.is_null(), "no {name}");
    function
}

/// Builds the C library, as for a program, and loads it.
fn load() -> Api {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("in the target folder");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", "hakmem-malloc", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the C library was not built");
    let path: PathBuf = target.join("release/libhakmem.so");
    let text = CString::new(path.as_os_str().as_encoded_bytes()).expect("a path");
    // SAFETY: a string; what the library does when it is loaded is nothing.
    let handle = unsafe { libc::dlopen(text.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "{} cannot be loaded", path.display());
    Api::load(handle)
}

/// A call.
#[derive(Clone, Copy, Debug)]
enum Act {
    Malloc(usize),
    Calloc(usize, usize),
    /// `None`: of null.
    Realloc(Option<usize>, usize),
    Reallocarray(Option<usize>, usize, usize),
    PosixMemalign(usize, usize),
    AlignedAlloc(usize, usize),
    Memalign(usize, usize),
    Valloc(usize),
    Pvalloc(usize),
    Free(Option<usize>),
}

/// What may be asked for: mostly what there is, now and then more than can be.
fn size(number: usize) -> usize {
    let value = number >> 4;
    match number & 15 {
        0 => 0,
        1 => usize::MAX - value % 70_000,
        2 => isize::MAX.cast_unsigned() + value % 3,
        3 => value % 3_000_000,
        4..7 => value % 100_000,
        _ => value % 1_500,
    }
}

impl Step for Act {
    fn of(bits: Bits) -> Self {
        let (low, size) = (bits.low(), size(bits.high()));
        let which = (!low.is_multiple_of(9)).then_some(low);
        let (n, each) = match low % 5 {
            0 => (1 << (low / 5 % 64), size),
            1 => (size, 1 << (low / 5 % 8)),
            _ => (low / 5 % 40, bits.high() % 5_000),
        };
        // Between what is there and what cannot be, the answer depends on the machine.
        let between = n.checked_mul(each).is_some_and(|bytes| (1 << 23..1 << 62).contains(&bytes));
        let n = if between { low / 5 % 3 } else { n };
        let each = if between { each % (1 << 20) } else { each };
        let align = 1 << (low % 23);
        match bits.kind() {
            0..60 => Self::Malloc(size),
            60..85 => Self::Calloc(n, each),
            85..120 => Self::Realloc(which, size),
            120..135 => Self::Reallocarray(which, n, each),
            135..150 => Self::PosixMemalign(align, size),
            150..160 => Self::PosixMemalign(low % 100, size),
            160..170 => Self::AlignedAlloc(align, size),
            170..180 => Self::Memalign(align, size),
            180..186 => Self::Valloc(size),
            186..192 => Self::Pvalloc(size),
            _ => Self::Free(which),
        }
    }
}

/// What a call said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Block,
    /// Null, and `errno`.
    Null(c_int),
    /// What `posix_memalign` returned.
    Code(c_int),
    Nothing,
}

/// A live block.
#[derive(Clone, Copy, Debug)]
struct Block {
    base: NonNull<u8>,
    size: usize,
    fill: u8,
}

impl Block {
    fn bytes(&self) -> &[u8] {
        // SAFETY: a live block of so many bytes, all of them written.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.size) }
    }

    fn check(&self, n: usize) {
        let kept = &self.bytes()[..n.min(self.size)];
        assert!(kept.iter().all(|&byte| byte == self.fill), "contents changed: {self:?}");
    }
}

/// `errno` before each call: nobody sets this.
const UNTOUCHED: c_int = 0x77;

fn errno() -> *mut c_int {
    // SAFETY: has no conditions.
    unsafe { libc::__errno_location() }
}

/// An address, and `errno`.
type Said = (*mut u8, c_int);

/// A function that takes two numbers.
type Two = unsafe extern "C" fn(usize, usize) -> *mut u8;

/// x86-64's page.
const PAGE: usize = 4096;

/// A library at work.
struct Side {
    api: Api,
    /// Whether it keeps promises that the system's does not make.
    strict: bool,
    live: Vec<Block>,
    serial: u8,
}

impl Side {
    fn new(api: Api, strict: bool) -> Self {
        Self { api, strict, live: Vec::new(), serial: 0 }
    }

    /// Makes a call with `errno` set; nobody may touch it who succeeds.
    fn call<T>(&self, call: impl FnOnce() -> T) -> (T, c_int) {
        // SAFETY: this thread's.
        unsafe { errno().write(UNTOUCHED) };
        let result = call();
        // SAFETY: as above.
        (result, unsafe { errno().read() })
    }

    /// Takes a block of `size` bytes, if it is one.
    fn take(&mut self, (base, errno): Said, size: usize, align: usize) -> Answer {
        let Some(base) = NonNull::new(base) else { return Answer::Null(errno) };
        assert!(base.as_ptr().addr().is_multiple_of(align), "{base:?}, align {align}");
        // SAFETY: a live block.
        let usable = unsafe { (self.api.malloc_usable_size)(base.as_ptr()) };
        assert!(usable >= size, "{usable} usable bytes of {size}");
        self.serial = self.serial.wrapping_add(1);
        // SAFETY: so many bytes may be used.
        unsafe { base.as_ptr().write_bytes(self.serial, usable) };
        self.live.push(Block { base, size, fill: self.serial });
        Answer::Block
    }

    /// A block, no longer live; or null.
    fn pick(&mut self, which: Option<usize>) -> Option<Block> {
        let which = which?.checked_rem(self.live.len())?;
        let block = self.live.swap_remove(which);
        block.check(block.size);
        Some(block)
    }

    /// A call of a function that takes a size.
    fn ask(&self, function: unsafe extern "C" fn(usize) -> *mut u8, size: usize) -> Said {
        // SAFETY: any size may be asked for.
        self.call(|| unsafe { function(size) })
    }

    /// A call of a function that takes two numbers.
    fn ask_two(&self, function: Two, first: usize, second: usize) -> Said {
        // SAFETY: any numbers, where the first is no alignment; else it is a power of two.
        self.call(|| unsafe { function(first, second) })
    }

    fn act(&mut self, act: Act) -> Answer {
        let api = self.api;
        match act {
            Act::Malloc(size) => self.take(self.ask(api.malloc, size), size, 16),
            Act::Calloc(n, size) => self.calloc(n, size),
            Act::Realloc(which, size) => {
                // SAFETY: `resize` passes null or a block that is not used any more if it moved.
                self.resize(which, size, |base| unsafe { (api.realloc)(base, size) })
            }
            Act::Reallocarray(which, n, size) => {
                let bytes = n.saturating_mul(size);
                // SAFETY: as above.
                self.resize(which, bytes, |base| unsafe { (api.reallocarray)(base, n, size) })
            }
            Act::PosixMemalign(align, size) => self.posix_memalign(align, size),
            Act::AlignedAlloc(align, size) => {
                self.take(self.ask_two(api.aligned_alloc, align, size), size, align)
            }
            Act::Memalign(align, size) => {
                self.take(self.ask_two(api.memalign, align, size), size, align)
            }
            Act::Valloc(size) => self.take(self.ask(api.valloc, size), size, PAGE),
            Act::Pvalloc(size) => {
                let whole = size.checked_next_multiple_of(PAGE).unwrap_or(size);
                self.take(self.ask(api.pvalloc, size), whole, PAGE)
            }
            Act::Free(which) => self.free(which),
        }
    }

    fn calloc(&mut self, n: usize, size: usize) -> Answer {
        let said = self.ask_two(self.api.calloc, n, size);
        let bytes = n.wrapping_mul(size);
        if let Some(base) = NonNull::new(said.0) {
            Block { base, size: bytes, fill: 0 }.check(bytes);
        }
        self.take(said, bytes, 16)
    }

    fn free(&mut self, which: Option<usize>) -> Answer {
        let base = self.pick(which).map_or(ptr::null_mut(), |block| block.base.as_ptr());
        // SAFETY: null, or a block that was live and is forgotten.
        let ((), errno) = self.call(|| unsafe { (self.api.free)(base) });
        assert_eq!(errno, UNTOUCHED, "free touched errno");
        Answer::Nothing
    }

    fn resize(
        &mut self,
        which: Option<usize>,
        size: usize,
        call: impl FnOnce(*mut u8) -> *mut u8,
    ) -> Answer {
        let old = self.pick(which);
        let base = old.map_or(ptr::null_mut(), |block| block.base.as_ptr());
        let answer = self.call(|| call(base));
        match (NonNull::new(answer.0), old) {
            (Some(base), Some(old)) => {
                let n = old.size.min(size);
                Block { base, size: n, ..old }.check(n);
            }
            // Not freed: it is as it was.
            (None, Some(old)) if size > 0 => {
                old.check(old.size);
                self.live.push(old);
            }
            _ => {}
        }
        self.take(answer, size, 16)
    }

    fn posix_memalign(&mut self, align: usize, size: usize) -> Answer {
        let nothing: *mut u8 = ptr::without_provenance_mut(0x50);
        let mut base = nothing;
        // SAFETY: a place for the answer.
        let (code, errno) =
            self.call(|| unsafe { (self.api.posix_memalign)(&raw mut base, align, size) });
        // The system's leaves ENOMEM behind, as it may.
        assert!(!self.strict || errno == UNTOUCHED, "posix_memalign touched errno");
        if code == 0 {
            self.take((base, errno), size, align)
        } else {
            assert_eq!(base, nothing, "posix_memalign failed, and wrote an address");
            Answer::Code(code)
        }
    }

    fn clear(&mut self) {
        while !self.live.is_empty() {
            self.act(Act::Free(Some(self.live.len() / 2)));
        }
    }
}

fn run(ours: Api, theirs: Api, steps: &Steps<Act>) {
    let (mut ours, mut theirs) = (Side::new(ours, true), Side::new(theirs, false));
    for step in steps.iter() {
        assert_eq!(ours.act(step), theirs.act(step), "ours, theirs: {step:?}");
        let lengths = (ours.live.len(), theirs.live.len());
        assert_eq!(lengths.0, lengths.1, "blocks after {step:?}");
    }
    ours.clear();
    theirs.clear();
}

#[test]
fn answers_as_the_system_does() {
    let (ours, theirs) = (load(), Api::load(libc::RTLD_DEFAULT));
    assert_ne!(ours.malloc as usize, theirs.malloc as usize, "two libraries");
    check!()
        .with_type::<Steps<Act>>()
        .with_iterations(600)
        .for_each(|steps| reproducible(|| run(ours, theirs, steps)));
}
