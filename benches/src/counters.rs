//! What a binary of counting boxes has counted in the timed part.

use std::sync::Mutex;

use crate::clock;

/// Counts that can be kept.
const MOST: usize = 128;

/// Where counts come from, and what they were at the two ends of the timed part.
struct State {
    names: &'static [&'static str],
    read: fn(&mut [u64]),
    begin: [u64; MOST],
    /// `None` before the end.
    end: Option<[u64; MOST]>,
}

static STATE: Mutex<State> =
    Mutex::new(State { names: &[], read: |_| (), begin: [0; MOST], end: None });

/// Has `read` write its counts at both ends of the timed part, in the order of `names`.
pub fn install(names: &'static [&'static str], read: fn(&mut [u64])) {
    if let Ok(mut state) = STATE.lock() {
        *state = State { names, read, begin: [0; MOST], end: None };
    }
    clock::at_the_ends(begin, end);
}

// Neither allocates: the boxes would count it.

fn begin() {
    if let Ok(mut state) = STATE.lock() {
        (state.read)(&mut state.begin);
    }
}

fn end() {
    if let Ok(mut state) = STATE.lock() {
        let mut counts = [0; MOST];
        (state.read)(&mut counts);
        state.end = Some(counts);
    }
}

/// Name and number of what happened in the timed part; nothing if nobody counts.
#[must_use]
pub fn counted() -> Vec<(&'static str, u64)> {
    let Ok(state) = STATE.lock() else { return Vec::new() };
    let Some(end) = state.end else { return Vec::new() };
    let counts = end.iter().zip(&state.begin).map(|(end, begin)| end.saturating_sub(*begin));
    state.names.iter().copied().zip(counts).collect()
}
