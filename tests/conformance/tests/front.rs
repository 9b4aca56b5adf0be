//! Fronts that are wrong in one way each, and one that is right.

mod common;

use std::ptr;

use common::{check, has};
use hakmem_conformance::front::{self, Case};
use hakmem_contract::{Block, BlockSource, Class, FrontCache, Geometry, MAX_CLASSES, MetaArena};

const LOSES: u8 = 1;
const HANDS_OUT_TWICE: u8 = 2;
const WRITES_TO_EMPTY: u8 = 3;
const ROOM_IN_EMPTY: u8 = 4;
const MIXES_CLASSES: u8 = 5;
const NO_LIMIT: u8 = 6;
const TAKES_WHAT_IS_NOT_THERE: u8 = 7;
const BELIEVES_IN_MORE: u8 = 8;
const NEEDS_META: u8 = 9;
const DRAINS_HALF: u8 = 10;
const DRAINS_TWICE: u8 = 11;
const HIDES_ONE: u8 = 12;
const KEEPS_NOTHING: u8 = 13;
const GREEDY: u8 = 14;
const OLDEST_FIRST: u8 = 15;
const WRITES_TO_BLOCKS: u8 = 16;
const TRUSTS_ITS_MEMORY: u8 = 17;

/// Blocks of a class: the most that it keeps, and the most that it asks for.
const ROOM: usize = 1024;
const BATCH: usize = 8;

/// An array a class, wrong if `WRONG`.
#[derive(Debug)]
#[repr(C)]
struct Shelf<const WRONG: bool> {
    blocks: [[*mut u8; ROOM]; MAX_CLASSES],
    len: [usize; MAX_CLASSES],
    limit_shift: u32,
    limits: [usize; MAX_CLASSES],
    n_opened: usize,
    calls: usize,
}

impl<const WRONG: bool> Shelf<WRONG> {
    /// Whether this call goes wrong.
    fn slips(&mut self, bug: u8, every: usize) -> bool {
        self.calls += (has::<WRONG>(bug)) as usize;
        has::<WRONG>(bug) && self.calls.is_multiple_of(every)
    }

    /// The class's limit, which `push` is not told.
    fn learn(&mut self, class: Class, geometry: &Geometry) -> usize {
        let limit = if has::<WRONG>(NO_LIMIT) {
            ROOM
        } else if has::<WRONG>(KEEPS_NOTHING) {
            0
        } else {
            (usize::from(geometry.cache_limit) >> self.limit_shift).max(4)
        };
        self.limits[class.index()] = limit;
        limit
    }

    fn one(&mut self, class: Class) -> Option<Block> {
        let (row, len) = (class.index(), &mut self.len[class.index()]);
        *len = len.checked_sub(1)?;
        if has::<WRONG>(OLDEST_FIRST) {
            self.blocks[row][..=*len].rotate_left(1);
        }
        Block::new(self.blocks[row][*len])
    }
}

// SAFETY: not all of them: that is the test. Blocks are the fake source's memory.
unsafe impl<const WRONG: bool> FrontCache for Shelf<WRONG> {
    const EMPTY: Self = Self {
        blocks: [[ptr::null_mut(); ROOM]; MAX_CLASSES],
        len: [0; MAX_CLASSES],
        limit_shift: 0,
        limits: [0; MAX_CLASSES],
        n_opened: 0,
        calls: 0,
    };
    const SURVIVES_CUT: bool = false;

    unsafe fn open(this: *mut Self, limit_shift: u32) {
        // SAFETY: the caller's.
        let this = unsafe { &mut *this };
        this.limit_shift = limit_shift;
        this.n_opened += 1;
    }

    unsafe fn pop(this: *mut Self, class: Class) -> Option<Block> {
        // SAFETY: the caller's.
        let this = unsafe { &mut *this };
        this.calls += usize::from(has::<WRONG>(WRITES_TO_EMPTY));
        if has::<WRONG>(HIDES_ONE) && this.len[class.index()] == 1 {
            return None;
        }
        let block = this.one(class)?;
        if this.slips(HANDS_OUT_TWICE, 9) {
            this.len[class.index()] += 1;
        }
        Some(block)
    }

    unsafe fn push(this: *mut Self, class: Class, block: Block) -> bool {
        // SAFETY: the caller's.
        let this = unsafe { &mut *this };
        let is_full = this.len[class.index()] >= this.limits[class.index()];
        if is_full && (!has::<WRONG>(ROOM_IN_EMPTY) || this.n_opened > 0) {
            return false;
        }
        if this.slips(LOSES, 9) {
            return true;
        }
        let mut row = class.index();
        if this.slips(MIXES_CLASSES, 9) {
            row = (row + 1) % 40;
        }
        if this.len[row] == ROOM {
            return false;
        }
        this.blocks[row][this.len[row]] = block.as_ptr();
        this.len[row] += 1;
        true
    }

    unsafe fn refill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        source: &mut S,
        meta: &impl MetaArena,
    ) -> Option<Block> {
        // SAFETY: the caller's.
        let this = unsafe { &mut *this };
        if has::<WRONG>(NEEDS_META) {
            meta.alloc_meta(64)?;
        }
        let limit = this.learn(class, geometry).max(1);
        let want = if has::<WRONG>(GREEDY) { limit } else { limit.min(BATCH) };
        let forgets = has::<WRONG>(TRUSTS_ITS_MEMORY) && this.n_opened > 1;
        let row = &mut this.blocks[class.index()];
        // SAFETY: there is so much room.
        let n = unsafe { source.take(class, row.as_mut_ptr(), want) };
        this.len[class.index()] = if n == 0 {
            usize::from(has::<WRONG>(TAKES_WHAT_IS_NOT_THERE))
        } else if forgets {
            1
        } else if has::<WRONG>(BELIEVES_IN_MORE) {
            n.next_multiple_of(2)
        } else {
            n
        };
        if has::<WRONG>(WRITES_TO_BLOCKS) && n > 0 {
            // SAFETY: the bytes before a block are the fake source's, too, but for the first one.
            unsafe { row[0].wrapping_sub(usize::from(n > 1)).write(1) };
        }
        this.one(class)
    }

    unsafe fn spill<S: BlockSource>(
        this: *mut Self,
        class: Class,
        geometry: &Geometry,
        block: Block,
        source: &mut S,
        _meta: &impl MetaArena,
    ) {
        // SAFETY: the caller's.
        let this = unsafe { &mut *this };
        this.learn(class, geometry);
        // SAFETY: passed on.
        if unsafe { Self::push(this, class, block) } {
            return;
        }
        let block = block.as_ptr();
        // SAFETY: the caller's block.
        unsafe { source.give(class, &raw const block, 1) };
    }

    unsafe fn drain<S: BlockSource>(this: *mut Self, source: &mut S) {
        // SAFETY: the caller's.
        let this = unsafe { &mut *this };
        for class in (0..MAX_CLASSES).filter_map(Class::new) {
            let len = this.len[class.index()];
            let n = if has::<WRONG>(DRAINS_HALF) { len.div_ceil(2) } else { len };
            if n > 0 {
                // SAFETY: its blocks.
                unsafe { source.give(class, this.blocks[class.index()].as_ptr(), n) };
            }
            if !has::<WRONG>(DRAINS_TWICE) {
                this.len[class.index()] = 0;
            }
        }
    }
}

hakmem_conformance::front!(Shelf<false>, caches, small, ascending; slack(0));

#[test]
fn wrong_fronts_are_noticed() {
    const CONSERVED: &str = "every_block_comes_out_once_or_goes_back_once";
    check(
        &front::promises::<Shelf<true>>(),
        &Case::default(),
        &[
            (LOSES, &[CONSERVED]),
            (HANDS_OUT_TWICE, &[CONSERVED]),
            (WRITES_TO_EMPTY, &["empty_is_inert"]),
            (ROOM_IN_EMPTY, &["empty_is_inert"]),
            (MIXES_CLASSES, &[CONSERVED]),
            (NO_LIMIT, &["the_limit_is_kept"]),
            (TAKES_WHAT_IS_NOT_THERE, &["a_refused_refill_changes_nothing"]),
            (BELIEVES_IN_MORE, &["a_short_refill_is_used"]),
            (NEEDS_META, &["no_memory_for_a_larger_bin_is_no_harm"]),
            (DRAINS_HALF, &["a_drained_cache_is_empty_and_of_use", CONSERVED]),
            (DRAINS_TWICE, &["a_drained_cache_is_empty_and_of_use"]),
            (HIDES_ONE, &["what_is_cached_is_found"]),
            (KEEPS_NOTHING, &["freed_blocks_are_kept"]),
            (GREEDY, &["a_new_cache_is_small"]),
            (OLDEST_FIRST, &["a_refill_leaves_in_ascending_order"]),
            (WRITES_TO_BLOCKS, &[CONSERVED]),
            (TRUSTS_ITS_MEMORY, &["it_opens_from_zero_bytes_and_again"]),
        ],
    );
}
