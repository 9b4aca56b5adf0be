//! What is in a trace, in numbers.

use std::collections::HashSet;

use crate::{Act, Trace};

/// Counts of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Blocks allocated.
    pub allocations: u64,
    /// Blocks freed.
    pub frees: u64,
    /// Blocks that got another size.
    pub resizes: u64,
    /// Threads.
    pub threads: u32,
    /// Frees and new sizes in another thread than that of the allocation.
    pub remote: u64,
    /// Bytes of all blocks, as asked for.
    pub bytes: u64,
    /// The most bytes that were alive at once.
    pub peak_live: u64,
    /// Bytes alive at the end.
    pub left: u64,
    /// Different sizes.
    pub sizes: u64,
}

impl Summary {
    /// Counts.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let mut sum = Self { threads: trace.threads(), ..Self::default() };
        let mut blocks: Vec<(u32, u64)> = Vec::new();
        let mut sizes = HashSet::new();
        for op in &trace.ops {
            let remote = |block: u32| u64::from(blocks[block as usize].0 != op.thread);
            match op.act {
                Act::Allocate { size, .. } => {
                    sum.allocations += 1;
                    sum.grow(size, &mut sizes);
                    blocks.push((op.thread, size));
                }
                Act::Resize { block, size } => {
                    sum.resizes += 1;
                    sum.remote += remote(block);
                    let (_, old) = &mut blocks[block as usize];
                    sum.left -= std::mem::replace(old, size);
                    sum.grow(size, &mut sizes);
                }
                Act::Free { block } => {
                    sum.frees += 1;
                    sum.remote += remote(block);
                    sum.left -= blocks[block as usize].1;
                }
                Act::End => {}
            }
        }
        sum.sizes = sizes.len() as u64;
        sum
    }

    fn grow(&mut self, size: u64, sizes: &mut HashSet<u64>) {
        sizes.insert(size);
        self.bytes += size;
        self.left += size;
        self.peak_live = self.peak_live.max(self.left);
    }
}
