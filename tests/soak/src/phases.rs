//! What a cycle is made of.

/// One phase: what the workers do, and what it leaves live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Every operation on every size, at a constant load; blocks change threads; the process forks.
    Mix,
    /// Many small blocks: the most that is live in a cycle.
    Burst,
    /// Three of four go, by another thread.
    Release,
    /// Threads come, take over blocks of others, leave blocks of theirs, and end.
    Churn,
    /// Huge blocks that grow and shrink.
    Huge,
    /// Nothing is live, and time passes.
    Idle,
    /// As before, and everybody has given back what is free.
    Trimmed,
}

impl Phase {
    /// All, in their order.
    pub(crate) const ALL: [Self; 7] =
        [Self::Mix, Self::Burst, Self::Release, Self::Churn, Self::Huge, Self::Idle, Self::Trimmed];

    /// As the samples call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mix => "mix",
            Self::Burst => "burst",
            Self::Release => "release",
            Self::Churn => "churn",
            Self::Huge => "huge",
            Self::Idle => "idle",
            Self::Trimmed => "trimmed",
        }
    }
}
