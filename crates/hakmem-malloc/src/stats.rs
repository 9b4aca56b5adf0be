//! What glibc's functions for statistics say about hakmem.
//!
//! | glibc's word | here |
//! |---|---|
//! | arena | SuperSlabs, cached and fresh ranges: what is mapped for anything but huge blocks and metadata |
//! | in use (`uordblks`) | slabs and spans, whole: a thread's cached blocks and a slab's free ones count as in use |
//! | free (`fordblks`) | the rest of the arena, in units of 64 KiB (`ordblks`), resident or not |
//! | mmapped (`hblks`, `hblkhd`) | huge blocks |
//! | releasable (`keepcost`) | cached and fresh ranges: what `malloc_trim` unmaps for certain |
//!
//! `smblks`, `usmblks` and `fsmblks` are 0: there are no fast bins, and the largest amount ever is
//! not kept.

use core::ffi::c_int;

use hakmem_alloc::Usage;
use hakmem_alloc::parts::contract::UNIT;
use libc::{EINVAL, FILE, size_t};

use crate::api::HAKMEM;
use crate::text::Text;

unsafe extern "C" {
    static stderr: *mut FILE;
}

/// glibc's `struct mallinfo2`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Mallinfo<T> {
    arena: T,
    ordblks: T,
    smblks: T,
    hblks: T,
    hblkhd: T,
    usmblks: T,
    fsmblks: T,
    uordblks: T,
    fordblks: T,
    keepcost: T,
}

impl Mallinfo<size_t> {
    fn of(usage: &Usage) -> Self {
        let memory = &usage.memory;
        let in_use = usage.slab_bytes + usage.span_bytes;
        let free = usage.free_units() + memory.cached + memory.fresh + memory.stranded;
        Self {
            arena: in_use + free,
            ordblks: free / UNIT,
            hblks: usage.huge_blocks,
            hblkhd: usage.huge_bytes,
            uordblks: in_use,
            fordblks: free,
            keepcost: memory.cached + memory.fresh,
            ..Self::default()
        }
    }
}

/// The same in `int`s; what does not fit is the largest one.
fn narrow(wide: Mallinfo<size_t>) -> Mallinfo<c_int> {
    let int = |value: size_t| c_int::try_from(value).unwrap_or(c_int::MAX);
    Mallinfo {
        arena: int(wide.arena),
        ordblks: int(wide.ordblks),
        hblks: int(wide.hblks),
        hblkhd: int(wide.hblkhd),
        uordblks: int(wide.uordblks),
        fordblks: int(wide.fordblks),
        keepcost: int(wide.keepcost),
        ..Mallinfo::default()
    }
}

/// Where the memory is; see the table above.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo2() -> Mallinfo<size_t> {
    Mallinfo::of(&HAKMEM.usage())
}

/// [`mallinfo2`], for programs older than it.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo() -> Mallinfo<c_int> {
    narrow(Mallinfo::of(&HAKMEM.usage()))
}

/// Writes where the memory is to standard error, without allocating.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_stats() {
    let usage = HAKMEM.usage();
    let info = Mallinfo::of(&usage);
    let mut text = Text::new();
    let mut line = |name: &str, value: size_t| {
        text.push(name).push(" = ").number(value, 15).push("\n");
    };
    line("system bytes    ", usage.memory.mapped);
    line("in use bytes    ", info.uordblks + info.hblkhd);
    line("free bytes      ", usage.free_units());
    line("cached bytes    ", usage.memory.cached);
    line("fresh bytes     ", usage.memory.fresh);
    line("stranded bytes  ", usage.memory.stranded);
    line("metadata bytes  ", usage.memory.meta);
    line("spans           ", usage.spans);
    line("span bytes      ", usage.span_bytes);
    line("mmap regions    ", usage.huge_blocks);
    line("mmap bytes      ", usage.huge_bytes);
    line("heaps           ", usage.heaps);
    line("slab bytes      ", usage.slab_bytes);
    for class in usage.classes.iter().filter(|class| class.bytes > 0) {
        text.push("  blocks of ").number(class.block_size, 6).push(" = ");
        text.number(class.bytes, 15).push("\n");
    }
    // SAFETY: libc's variable, which is set before any code of the program runs.
    let file = unsafe { stderr };
    // SAFETY: the standard error stream is open, or the program closed it and gets what it wants.
    unsafe { text.write(file) };
}

/// Writes where the memory is to `file`, as XML like glibc's. Returns 0, or EINVAL if `options` is
/// not 0, or -1 if it cannot be written.
///
/// # Safety
///
/// `file` is an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_info(options: c_int, file: *mut FILE) -> c_int {
    if options != 0 {
        return EINVAL;
    }
    let mut text = Text::new();
    write_xml(&mut text, &HAKMEM.usage());
    // SAFETY: the caller's stream.
    if unsafe { text.write(file) } { 0 } else { -1 }
}

/// One heap: it is the same for all threads but for their caches.
fn write_xml(text: &mut Text, usage: &Usage) {
    let info = Mallinfo::of(usage);
    text.push("<malloc version=\"1\">\n<heap nr=\"0\">\n<slabs>\n");
    for class in usage.classes.iter().filter(|class| class.bytes > 0) {
        text.push("  <slab").attribute("size", class.block_size);
        text.attribute("total", class.bytes).push("/>\n");
    }
    text.push("</slabs>\n");
    write_totals(text, &info);
    let mut element = |name: &str, count: usize, bytes: usize| {
        text.push("<total type=\"").push(name).push("\"").attribute("count", count);
        text.attribute("size", bytes).push("/>\n");
    };
    element("span", usage.spans, usage.span_bytes);
    text.push("<system type=\"current\"").attribute("size", info.arena).push("/>\n</heap>\n");
    write_totals(text, &info);
    text.push("<total type=\"mmap\"").attribute("count", info.hblks);
    text.attribute("size", info.hblkhd).push("/>\n");
    text.push("<system type=\"current\"").attribute("size", usage.memory.mapped).push("/>\n");
    text.push("<aspace type=\"total\"").attribute("size", usage.memory.mapped).push("/>\n");
    text.push("<metadata").attribute("size", usage.memory.meta).push("/>\n</malloc>\n");
}

/// What is free: glibc's two lines for it.
fn write_totals(text: &mut Text, info: &Mallinfo<size_t>) {
    text.push("<total type=\"fast\" count=\"0\" size=\"0\"/>\n<total type=\"rest\"");
    text.attribute("count", info.ordblks).attribute("size", info.fordblks).push("/>\n");
}
