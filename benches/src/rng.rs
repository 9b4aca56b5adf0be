//! Random numbers that cost less than what is measured.

/// wyrand: one multiplication for each number, and a state that does not wait for it.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of one `stream` (a thread, a table) of a run with `seed`.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = Self(seed ^ (stream + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        rng.word();
        rng
    }

    /// 64 random bits.
    #[inline(always)]
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        let wide = u128::from(self.0) * u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db);
        (wide >> 64) as u64 ^ wide as u64
    }

    /// A number below `bound`, which is below 2^32.
    #[inline(always)]
    pub fn below(&mut self, bound: usize) -> usize {
        scale(self.word() >> 32, bound)
    }

    /// Two independent numbers below their bounds, from one random word.
    #[inline(always)]
    pub fn two_below(&mut self, first: usize, second: usize) -> (usize, usize) {
        let word = self.word();
        (scale(word >> 32, first), scale(word & 0xffff_ffff, second))
    }

    /// A size between `min` and `max`, every power of two in between equally likely.
    pub fn log_uniform(&mut self, min: usize, max: usize) -> usize {
        let (low, high) = ((min as f64).ln(), (max as f64).ln());
        let unit = (self.word() >> 11) as f64 / (1_u64 << 53) as f64;
        ((low + (high - low) * unit).exp() as usize).clamp(min, max)
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Maps 32 random bits to `0..bound` without a division.
#[inline(always)]
fn scale(bits: u64, bound: usize) -> usize {
    ((bits * bound as u64) >> 32) as usize
}
