//! One line for a wrong program, without formatting or memory.
//!
//! ```text
//! hakmem: double free of 0x7f52a0010090: block 3 of a slab of 48-byte blocks, owned by this thread
//!         fault          address         what the registry knows of it
//! ```
//!
//! The registry is asked, and the table of heaps: both answer any thread at any time. So what is said
//! about another thread's memory can be a moment old.

use core::ptr::{self, NonNull};

use hakmem_contract::geometry::SUPERSLAB;
use hakmem_contract::{
    Class, Fatal, Fault, Former, HugeBlocks, Kind, Owner, Pool, Registry, SizeClasses, Tag, UNIT,
};
use hakmem_tls_bind::ThreadWord;

use crate::boxes::Boxes;
use crate::heap::Heap;
use crate::paths;
use crate::shared::Shared;

/// Bytes of a line; what is longer is cut.
const LINE: usize = 256;

/// SuperSlabs before an address in which the head of its huge block is looked for: 128 GiB.
const FAR: usize = 1 << 16;

/// A line under construction.
struct Line {
    bytes: [u8; LINE],
    len: usize,
}

impl Line {
    fn text(&mut self, text: &str) -> &mut Self {
        for &byte in text.as_bytes() {
            if let Some(slot) = self.bytes.get_mut(self.len) {
                *slot = byte;
                self.len += 1;
            }
        }
        self
    }

    fn number(&mut self, value: usize) -> &mut Self {
        self.digits(value, 10)
    }

    fn address(&mut self, value: usize) -> &mut Self {
        self.text("0x").digits(value, 16)
    }

    fn digits(&mut self, value: usize, base: usize) -> &mut Self {
        let mut power = 1;
        while value / power >= base {
            power *= base;
        }
        while power > 0 {
            let digit = value / power % base;
            self.text("0123456789abcdef".get(digit..=digit).unwrap_or_default());
            power /= base;
        }
        self
    }

    /// `N bytes into `, unless it is the start.
    fn into(&mut self, offset: usize) -> &mut Self {
        if offset > 0 {
            self.number(offset).text(" bytes into ");
        }
        self
    }
}

/// Says what the program did, and ends it.
#[cold]
#[inline(never)]
pub(crate) fn die<B: Boxes>(shared: &Shared<B>, fault: Fault) -> ! {
    let mut line = Line { bytes: [0; LINE], len: 0 };
    let address = fault.address();
    line.text("hakmem: ").text(fault.message()).text(" ").address(address).text(": ");
    describe(&mut line, shared, address);
    line.len = line.len.min(LINE - 1);
    line.text("\n");
    shared.pool.memory().die(line.bytes.get(..line.len).unwrap_or_default())
}

/// What the free of an address is that is nobody's now: the second one, if a block was there.
#[cold]
#[inline(never)]
pub(crate) fn free_of_nothing(registry: &impl Registry, address: usize) -> Fault {
    let freed = match registry.tag(address).former() {
        Some(Former::Slab(_)) => true,
        Some(Former::SpanHead(_) | Former::Huge) => address.is_multiple_of(UNIT),
        Some(Former::SpanTail) | None => false,
    };
    if freed { Fault::DoubleFree(address) } else { Fault::Foreign(address) }
}

/// What is at `address`.
fn describe<B: Boxes>(line: &mut Line, shared: &Shared<B>, address: usize) {
    let registry = shared.pool.registry();
    let tag = registry.tag(address);
    match tag.kind() {
        Kind::Slab(owner, class) => {
            block::<B>(line, registry, address, class);
            line.text(", ").text(whose(shared, owner));
        }
        Kind::SpanHead(_) | Kind::SpanTail => span(line, registry, address),
        Kind::Huge | Kind::Foreign => match tag.former() {
            Some(former) => was::<B>(line, address, former),
            None => huge(line, &shared.pool, address),
        },
    }
}

/// A block of a slab of `class`.
fn block<B: Boxes>(line: &mut Line, registry: &impl Registry, address: usize, class: Class) {
    let geometry = B::Classes::geometry(class);
    let size = geometry.block_size as usize;
    let offset = address - slab_base(registry, address, usize::from(geometry.units));
    let index = offset.checked_div(size).unwrap_or_default();
    if index < usize::from(geometry.capacity) {
        line.into(offset - index * size).text("block ").number(index).text(" of");
    } else {
        line.text("behind the last block of");
    }
    line.text(" a slab of ").number(size).text("-byte blocks");
}

/// Where the slab begins that `address` lies in: all of its units have the same tag and word.
fn slab_base(registry: &impl Registry, address: usize, units: usize) -> usize {
    let look = |at: usize| {
        let tag = registry.tag(at);
        let is_slab = matches!(tag.kind(), Kind::Slab(..));
        // SAFETY: a unit with a tag is covered.
        is_slab.then(|| (tag, unsafe { registry.word_covered(at) }))
    };
    let mut base = address & !(UNIT - 1);
    let slab = look(base);
    for _ in 1..units {
        let before = base.saturating_sub(UNIT);
        if slab.is_none() || look(before) != slab {
            break;
        }
        base = before;
    }
    base
}

/// Whose a slab is.
fn whose<B: Boxes>(shared: &Shared<B>, owner: Owner) -> &'static str {
    // The word may lead to an empty heap: this thread is at work in its own.
    // SAFETY: heaps are never unmapped, and anybody may look at the stage.
    let is_ours = |heap: NonNull<Heap<B>>| unsafe { &(*heap.as_ptr()).stage }.is_ours();
    if shared.heaps.is_orphan(owner) {
        "owned by a thread that has ended"
    } else if B::Word::get() == paths::late::<B>() {
        "owned by this thread, which is ending, or another"
    } else if shared.heaps.heap(owner).is_some_and(is_ours) {
        "owned by this thread"
    } else {
        "owned by another thread"
    }
}

/// A live span, or part of one.
fn span(line: &mut Line, registry: &impl Registry, address: usize) {
    let mut base = address & !(UNIT - 1);
    while registry.tag(base) == Tag::SPAN_TAIL {
        base -= UNIT;
    }
    let Kind::SpanHead(units) = registry.tag(base).kind() else {
        line.text("inside a span");
        return;
    };
    line.into(address - base).text("a span of ").number(units * UNIT).text(" bytes");
}

/// A live huge block, or part of one; or nothing.
fn huge(line: &mut Line, pool: &(impl Pool + HugeBlocks), address: usize) {
    let mut base = address & !(SUPERSLAB - 1);
    for _ in 0..FAR {
        if pool.registry().tag(base) == Tag::HUGE
            && let Some(block) = NonNull::new(ptr::with_exposed_provenance_mut(base))
        {
            // SAFETY: the tag says that it lives.
            let bytes = unsafe { pool.huge_bytes(block) };
            if address - base < bytes {
                line.into(address - base).text("a huge block of ").number(bytes).text(" bytes");
                return;
            }
        }
        let Some(before) = base.checked_sub(SUPERSLAB) else { break };
        base = before;
    }
    line.text("not ours");
}

/// What was at `address`.
fn was<B: Boxes>(line: &mut Line, address: usize, former: Former) {
    match former {
        Former::Slab(class) => {
            let size = B::Classes::geometry(class).block_size as usize;
            line.text("a slab of ").number(size).text("-byte blocks was there, and is free");
        }
        Former::SpanHead(units) => {
            line.into(address % UNIT).text("a span of ").number(units * UNIT);
            line.text(" bytes that was freed");
        }
        Former::SpanTail => {
            line.text("inside a span that was freed");
        }
        Former::Huge => {
            line.into(address % UNIT).text("a huge block that was freed or moved");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Line = Line { bytes: [0; LINE], len: 0 };

    fn is(build: impl FnOnce(&mut Line), text: &str) {
        let mut line = EMPTY;
        build(&mut line);
        assert_eq!(&line.bytes[..line.len], text.as_bytes(), "not `{text}`");
    }

    #[test]
    fn numbers_are_written_out() {
        is(|line| _ = line.number(0), "0");
        is(|line| _ = line.number(10), "10");
        is(|line| _ = line.number(999), "999");
        is(|line| _ = line.number(usize::MAX), "18446744073709551615");
        is(|line| _ = line.address(0), "0x0");
        is(|line| _ = line.address(0x7f00_0000_0010), "0x7f0000000010");
        is(|line| _ = line.address(usize::MAX), "0xffffffffffffffff");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let mut line = EMPTY;
        while line.len < LINE {
            line.text("abc");
        }
        line.text("abc");
        assert_eq!((line.len, line.bytes[LINE - 1]), (LINE, b'a'));
    }
}
