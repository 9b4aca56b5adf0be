//! What every page box does: each block is handed out once, counted, and comes back from any thread.
//!
//! The functions are the promises. [`Slab`] is for a box's own tests, too.

mod faults;
mod promises;
mod slab;
mod threads;

use std::ptr::NonNull;

use hakmem_contract::{Geometry, Page};

use crate::Promise;

pub use faults::*;
pub use promises::*;
pub use slab::{Inbox, Slab, geometries, of_size, tag};
pub use threads::*;

/// What is told of a page box.
#[derive(Debug)]
pub struct Case<P> {
    held: usize,
    tail: u8,
    sound: unsafe fn(NonNull<P>) -> bool,
}

impl<P> Clone for Case<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Case<P> {}

impl<P> Default for Case<P> {
    fn default() -> Self {
        Self { held: usize::MAX, tail: 0, sound: |_| true }
    }
}

impl<P> Case<P> {
    /// One in so many blocks may be held back for a while after it was given: handed out to nobody, and not
    /// free. When all are back, none is held.
    #[must_use]
    pub const fn holds_one_in(mut self, share: usize) -> Self {
        self.held = share;
        self
    }

    /// So many bytes at the end of each block are the box's.
    #[must_use]
    pub const fn tail(mut self, tail: u8) -> Self {
        self.tail = tail;
        self
    }

    /// The box's own check of its accounting, which is asked after each step.
    #[must_use]
    pub const fn sound(mut self, sound: unsafe fn(NonNull<P>) -> bool) -> Self {
        self.sound = sound;
        self
    }
}

/// Tests of a page box, from the promises of `Page`.
///
/// ```ignore
/// hakmem_conformance::page!(MyPage);
/// hakmem_conformance::page!(MyPage, ascending, untouched, double_frees; sound(MyPage::check));
/// ```
///
/// Words that ask for more than every box can promise:
///
/// - `ascending`: blocks are handed out by rising addresses;
/// - `untouched`: the box never touches its blocks, where there may be no memory;
/// - `double_frees`: a second free by the owner is found at once;
/// - `remote_double_frees`: a second free by any thread is found, when it is collected at the latest;
/// - `wrong_addresses`: an address inside a block, or in the waste behind the last one, is found.
///
/// Behind a semicolon are functions of [`Case`](crate::page::Case).
#[macro_export]
macro_rules! page {
    ($page:ty $(, $word:ident)* $(; $($set:ident($value:expr)),+)?) => {
        $crate::__words! {
            __page [$page] [$crate::page::Case::<$page>::default()$($(.$set($value))+)?]
            promises $($word)*
        }
    };
}

/// The lists of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! __page {
    (promises $make:ident $($for:tt)*) => {
        $crate::$make! { page $($for)*
            a_fresh_slab_is_whole
            every_block_is_handed_out_once
            blocks_come_back_in_every_order
            a_list_ends_at_the_first_block_of_another_slab
            a_run_of_blocks_ends_with_its_slab
            the_notice_is_told_when_it_is_reached
            every_block_is_accounted_in_a_bit_of_its_own
            what_others_give_comes_when_it_is_collected
            an_inbox_holds_many_slabs
            a_whole_slab_is_quiet
            a_live_block_is_left_alone
            it_is_a_set
            what_three_threads_free_comes_back_once
        }
    };
    (ascending $make:ident $($for:tt)*) => {
        $crate::$make! { page $($for)* blocks_are_handed_out_ascending }
    };
    (untouched $make:ident $($for:tt)*) => {
        $crate::$make! { page $($for)* there_need_be_no_memory }
    };
    (double_frees $make:ident $($for:tt)*) => {
        $crate::$make! { page $($for)* a_second_free_by_the_owner_is_found }
    };
    (remote_double_frees $make:ident $($for:tt)*) => {
        $crate::$make! { page $($for)*
            a_second_free_by_another_thread_is_found
            of_two_frees_at_once_one_is_found
        }
    };
    (wrong_addresses $make:ident $($for:tt)*) => {
        $crate::$make! { page $($for)* an_address_that_is_not_a_blocks_is_found }
    };
    ($other:ident $($for:tt)*) => {
        ::core::compile_error! {
            "a page may be said to be: ascending, untouched, double_frees, remote_double_frees, \
             wrong_addresses"
        }
    };
}

/// Every promise, those that have to be asked for at the end: for controls.
#[must_use]
pub fn promises<P: Page>() -> Vec<Promise<Case<P>>> {
    let mut all = crate::__page! { promises __table [P] [Case<P>] }.to_vec();
    all.extend(crate::__page! { ascending __table [P] [Case<P>] });
    all.extend(crate::__page! { untouched __table [P] [Case<P>] });
    all.extend(crate::__page! { double_frees __table [P] [Case<P>] });
    all.extend(crate::__page! { remote_double_frees __table [P] [Case<P>] });
    all.extend(crate::__page! { wrong_addresses __table [P] [Case<P>] });
    all
}

impl<P: Page> Case<P> {
    fn slab(&self, geometry: Geometry) -> Slab<P> {
        Slab::new(self, geometry.with_tail(self.tail))
    }

    /// Runs `check` with a fresh slab of each geometry.
    fn each(&self, check: impl Fn(&Slab<P>)) {
        geometries().for_each(|geometry| check(&self.slab(geometry)));
    }

    /// 1008 bytes: 65 blocks, one more than a word has bits, and 16 bytes of waste.
    fn of_65(&self) -> Slab<P> {
        self.slab(of_size(1008))
    }
}
