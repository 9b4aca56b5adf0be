//! `tree`: binary trees of boxes.

use super::one_thread;
use crate::clock::Clock;
use crate::measure::{Common, Measured};

const DEFAULT_OPS: u64 = 8_000_000;

/// Options of `tree`.
#[derive(Clone, Debug, clap::Args)]
pub struct Tree {
    /// Levels of the tree; it has 2^depth - 1 nodes.
    #[arg(long, default_value_t = 18)]
    depth: u32,
}

struct Node {
    children: Option<[Box<Self>; 2]>,
    value: u64,
}

impl Tree {
    pub(super) fn run(&self, common: &Common) -> Result<Measured, String> {
        one_thread(common)?;
        if common.no_alloc {
            return Err("tree is made of allocations: no --no-alloc".into());
        }
        if !(1..=28).contains(&self.depth) {
            return Err("--depth must be 1..=28".into());
        }
        let nodes = (1_u64 << self.depth) - 1;
        let rounds = common.ops_per_thread(DEFAULT_OPS).div_ceil(nodes);
        let mut checksum = sum(&build(self.depth, common.seed));
        let clock = Clock::start();
        for round in 0..rounds {
            let tree = build(self.depth, round);
            checksum = checksum.wrapping_add(sum(&tree));
            drop(tree);
        }
        let seconds = clock.stop();
        Ok(Measured::new(seconds, rounds * nodes, checksum))
    }

    pub(super) fn params(&self) -> Vec<(&'static str, usize)> {
        vec![("depth", self.depth as usize)]
    }
}

fn build(depth: u32, value: u64) -> Box<Node> {
    let children = (depth > 1).then(|| {
        [build(depth - 1, value.wrapping_add(1)), build(depth - 1, value.wrapping_add(2))]
    });
    Box::new(Node { children, value })
}

fn sum(node: &Node) -> u64 {
    let children = node.children.iter().flatten();
    children.fold(node.value, |total, child| total.wrapping_add(sum(child)))
}
