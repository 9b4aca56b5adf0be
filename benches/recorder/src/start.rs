//! The beginning of a recording, when the library has been loaded.
//!
//! What the C library and the dynamic linker allocated before is not recorded: there is no
//! environment yet.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;

use crate::log::{self, LOG};
use crate::raw::{HEADER_BYTES, MAGIC, NAME_BYTES, RECORD_BYTES, VERSION, header};

/// Names the folder of recordings.
const FOLDER: &[u8] = b"HAKMEM_TRACE=";

/// How many records a recording holds at most.
const RECORDS: &[u8] = b"HAKMEM_TRACE_RECORDS=";

/// Records of a recording unless the environment says otherwise: 512 MiB, of which only what is
/// used takes room.
const DEFAULT_RECORDS: usize = 16 << 20;

/// Longest path.
const PATH: usize = 1024;

/// A process becomes another program so many times at most, and is recorded each time.
const MOST_PROGRAMS: usize = 1000;

/// Keys below this have their place in each thread from the start.
const EARLY_KEYS: libc::pthread_key_t = 32;

const PAGE: usize = 4096;

/// glibc calls it with the arguments of `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = start;

extern "C" fn start(_: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    let (mut folder, mut records) = (None, DEFAULT_RECORDS);
    for variable in Strings(environment) {
        if let Some(value) = variable.strip_prefix(FOLDER) {
            folder = Some(value);
        } else if let Some(value) = variable.strip_prefix(RECORDS) {
            records = number(value).unwrap_or(DEFAULT_RECORDS);
        }
    }
    let Some(folder) = folder.filter(|folder| !folder.is_empty()) else { return };
    let program = Strings(arguments).next().unwrap_or_default();
    if begin(folder, records, program).is_none() {
        const COMPLAINT: &[u8] = b"hakmem: this process is not recorded\n";
        // SAFETY: the bytes are there. Nobody is left to tell if that fails.
        unsafe { libc::write(libc::STDERR_FILENO, COMPLAINT.as_ptr().cast(), COMPLAINT.len()) };
    }
}

/// Makes the file, and all that a record needs.
fn begin(folder: &[u8], records: usize, program: &[u8]) -> Option<()> {
    let length = records.checked_mul(RECORD_BYTES)?.checked_add(HEADER_BYTES)?;
    let mut key = 0;
    // SAFETY: `key` is there to be written to, and `ended` is a destructor.
    let refused = unsafe { libc::pthread_key_create(&raw mut key, Some(log::ended)) };
    if refused != 0 || key >= EARLY_KEYS {
        return None;
    }
    let ours = word_of_this_process()?;
    let file = open(folder)?;
    // SAFETY: the file was opened just now.
    let sized = unsafe { libc::ftruncate(file, libc::off_t::try_from(length).ok()?) } == 0;
    let map = sized.then(|| map(length, libc::MAP_SHARED, file)).flatten();
    // SAFETY: the file is open, and nobody else has its number. The mapping stays.
    unsafe { libc::close(file) };
    let map = map?;
    let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // SAFETY: asks for a number.
    let process = unsafe { libc::getpid() };
    put(map, 0, &MAGIC);
    put(map, header::VERSION, &VERSION.to_le_bytes());
    put(map, header::PROCESS, &process.to_le_bytes());
    put(map, header::CAPACITY, &(records as u64).to_le_bytes());
    put(map, header::NAME, &name[..name.len().min(NAME_BYTES)]);
    // SAFETY: the mapping has a header, and room for as many records as that says; the word is 1 here
    // and 0 in a child.
    unsafe { LOG.begin(map, ours, key) };
    Some(())
}

/// A word that is 1 here, and 0 in a child of `fork`: its page is wiped there by the kernel.
fn word_of_this_process() -> Option<*mut u32> {
    let page = map(PAGE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)?;
    // SAFETY: the page was mapped just now.
    let wiped = unsafe { libc::madvise(page.cast(), PAGE, libc::MADV_WIPEONFORK) } == 0;
    #[expect(clippy::cast_ptr_alignment, reason = "a page is aligned")]
    let word = page.cast::<u32>();
    // SAFETY: the page is there to be written to.
    unsafe { word.write(1) };
    wiped.then_some(word)
}

fn map(length: usize, flags: c_int, file: c_int) -> Option<*mut u8> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh mapping at an address of the kernel's choice disturbs nothing.
    let map: *mut c_void =
        unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, file, 0) };
    (map != libc::MAP_FAILED).then_some(map.cast())
}

/// Writes into the header.
fn put(map: *mut u8, at: usize, bytes: &[u8]) {
    // SAFETY: the header's fields are inside it.
    let field = unsafe { map.add(at) };
    // SAFETY: nobody else knows the mapping yet.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), field, bytes.len()) };
}

/// A new file `FOLDER/PROCESS-NUMBER.raw`.
fn open(folder: &[u8]) -> Option<c_int> {
    // SAFETY: asks for a number.
    let process = unsafe { libc::getpid() };
    for program in 0..MOST_PROGRAMS {
        let mut path = Path { bytes: [0; PATH], length: 0 };
        path.text(folder)?;
        path.text(b"/")?;
        path.number(usize::try_from(process).ok()?)?;
        path.text(b"-")?;
        path.number(program)?;
        path.text(b".raw\0")?;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        // SAFETY: the path ends with a zero.
        let file = unsafe { libc::open(path.bytes.as_ptr().cast(), flags, 0o644) };
        if file >= 0 {
            return Some(file);
        }
        // SAFETY: asks for an address.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: a thread's own word, which is there as long as the thread.
        if unsafe { *errno } != libc::EEXIST {
            return None;
        }
    }
    None
}

struct Path {
    bytes: [u8; PATH],
    length: usize,
}

impl Path {
    fn text(&mut self, text: &[u8]) -> Option<()> {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(text);
        self.length = end;
        Some(())
    }

    fn number(&mut self, number: usize) -> Option<()> {
        if number >= 10 {
            self.number(number / 10)?;
        }
        self.text(&[b'0' + (number % 10) as u8])
    }
}

fn number(text: &[u8]) -> Option<usize> {
    let digit = |sum: usize, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| sum.checked_mul(10)?.checked_add(usize::from(digit))).flatten()
    };
    if text.is_empty() { None } else { text.iter().try_fold(0, digit) }
}

/// The strings of a list that ends with a null, as `main` gets them.
struct Strings(*const *const c_char);

impl Iterator for Strings {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: not beyond the null at the end, where this stops.
        let string = unsafe { *self.0 };
        if string.is_null() {
            return None;
        }
        // SAFETY: there is a null, at the latest, behind an entry that is none.
        self.0 = unsafe { self.0.add(1) };
        // SAFETY: arguments and environment are strings that stay while the process starts.
        Some(unsafe { CStr::from_ptr(string) }.to_bytes())
    }
}
