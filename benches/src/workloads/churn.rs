//! `churn`: live sets that grow and shrink, with objects that change threads.
//!
//! # Protocol
//!
//! | edge | from | to | what travels |
//! |------|------|----|--------------|
//! | X1 | `Exchange::swap` of the thread that leaves an object | `Exchange::swap` of the thread that finds it | the object: its size and its tags |

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::measure::{Common, Measured, timed, warm_up};
use crate::object::Parcel;
use crate::rng::Rng;

const DEFAULT_OPS: u64 = 8_000_000;

/// Slots of the table through which objects change threads.
const EXCHANGE: usize = 64;

/// Options of `churn`.
#[derive(Clone, Debug, clap::Args)]
pub struct Churn {
    /// Objects of a thread at its smallest.
    #[arg(long, default_value_t = 500)]
    low: usize,
    /// Objects of a thread at its largest.
    #[arg(long, default_value_t = 10_000)]
    high: usize,
}

/// Where threads leave objects for each other.
struct Exchange([AtomicPtr<u8>; EXCHANGE]);

/// One thread's live set.
struct Live {
    parcels: Vec<Parcel>,
    rng: Rng,
    grows: bool,
    /// Bytes allocated minus bytes freed, and what was damaged; zero over all threads.
    balance: u64,
}

impl Churn {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        if common.no_alloc {
            return Err("the objects of churn change threads: no --no-alloc".into());
        }
        if self.low == 0 || self.high <= self.low {
            return Err("--low and --high must be 0 < low < high".into());
        }
        let ops = common.ops_per_thread(DEFAULT_OPS);
        let exchange = Exchange([const { AtomicPtr::new(ptr::null_mut()) }; EXCHANGE]);
        let prepare = |number| {
            let rng = Rng::new(common.seed, number as u64);
            let parcels = Vec::with_capacity(self.high + 1);
            let mut live = Live { parcels, rng, grows: true, balance: 0 };
            self.work(&mut live, &exchange, warm_up(ops));
            live
        };
        let (seconds, balance) =
            timed(common.threads(), prepare, |live| self.work(live, &exchange, ops), Live::finish);
        let checksum = balance.wrapping_add(exchange.finish());
        Ok(Measured::new(seconds, ops * common.threads() as u64, checksum))
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("low", self.low), ("high", self.high)]
    }

    fn work(&self, live: &mut Live, exchange: &Exchange, ops: u64) {
        for _ in 0..ops {
            let word = live.rng.word();
            // A quarter of the steps goes against the tide.
            let with_tide = word & 3 != 0;
            if live.parcels.is_empty() || with_tide == live.grows {
                live.add(size(word >> 2));
            } else {
                live.remove();
            }
            if word >> 60 == 0 {
                live.trade(exchange);
            }
            let count = live.parcels.len();
            live.grows = if live.grows { count < self.high } else { count <= self.low };
        }
    }
}

/// 16 bytes to 32 KiB: each doubling half as likely, so that all powers of two use equal memory.
#[inline(always)]
fn size(word: u64) -> usize {
    let base = 16 << (word & 0x3ff | 0x400).trailing_zeros();
    base + ((((word >> 10) & 0xffff) as usize * base) >> 16)
}

impl Live {
    #[inline(always)]
    fn add(&mut self, size: usize) {
        self.balance = self.balance.wrapping_add(size as u64);
        self.parcels.push(Parcel::new(size));
    }

    #[inline(always)]
    fn remove(&mut self) {
        let victim = self.rng.below(self.parcels.len());
        let parcel = self.parcels.swap_remove(victim);
        self.balance = self.balance.wrapping_sub(parcel.free());
    }

    /// Leaves a random object in the exchange and takes what was there.
    fn trade(&mut self, exchange: &Exchange) {
        let Some(last) = self.parcels.pop() else { return };
        let found = exchange.swap(self.rng.below(EXCHANGE), last.into_raw());
        if !found.is_null() {
            // SAFETY: only `into_raw` puts addresses into the exchange, and the swap took this one
            // out.
            self.parcels.push(unsafe { Parcel::from_raw(found) });
        }
    }

    fn finish(self) -> u64 {
        self.parcels
            .into_iter()
            .fold(self.balance, |balance, parcel| balance.wrapping_sub(parcel.free()))
    }
}

impl Exchange {
    fn swap(&self, slot: usize, parcel: *mut u8) -> *mut u8 {
        // AcqRel, edge X1: Release publishes the object left here, Acquire makes the bytes of
        // the object found here visible.
        self.0[slot].swap(parcel, Ordering::AcqRel)
    }

    /// Frees what nobody came for.
    fn finish(&self) -> u64 {
        let mut balance = 0_u64;
        for slot in 0..EXCHANGE {
            let found = self.swap(slot, ptr::null_mut());
            if !found.is_null() {
                // SAFETY: only `into_raw` puts addresses into the exchange, and the swap took this
                // one out.
                let parcel = unsafe { Parcel::from_raw(found) };
                balance = balance.wrapping_sub(parcel.free());
            }
        }
        balance
    }
}
