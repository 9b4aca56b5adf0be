//! Chance enough to make addresses hard to guess. Not for secrets that have to last.

use crate::ticks::ticks;

/// A generator of random numbers: xorshift64* (Vigna, "An experimental exploration of Marsaglia's
/// xorshift generators, scrambled", 2016).
///
/// # Invariants
///
/// - The state is not zero.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        // INVARIANT: one bit at least.
        Self(seed | 1)
    }

    /// 64 random bits.
    pub(crate) const fn draw(&mut self) -> u64 {
        // INVARIANT: each step is a bijection that leaves zero alone.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// The number of one of the bits that are set in `word`, which is not zero.
    pub(crate) const fn bit_of(&mut self, word: u64) -> usize {
        let start = (self.draw() >> 58) as u32;
        let ahead = word.rotate_right(start).trailing_zeros();
        ((start + ahead) % u64::BITS) as usize
    }
}

/// A seed from what the system made random (where memory lies) and from the time.
pub(crate) fn seed(addresses: usize) -> u64 {
    // The finalizer of splitmix64, which spreads every bit over all.
    let mut seed = ticks() ^ addresses as u64;
    seed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    seed = (seed ^ (seed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    seed ^ (seed >> 31)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_set_bit_is_drawn_and_no_other() {
        let mut chance = Chance::new(seed(0x1000));
        for word in [1, 1 << 63, 0b1010, 0xF000_0000_0000_000F, u64::MAX] {
            let mut seen = 0_u64;
            for _ in 0..4096 {
                seen |= 1 << chance.bit_of(word);
            }
            assert_eq!(seen, word);
        }
    }
}
