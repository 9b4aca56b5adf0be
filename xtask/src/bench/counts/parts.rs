//! Whose a source file is: a box's, or the program's.

use std::collections::BTreeMap;

use crate::lab::boxes::{BOXES, Slot};
use crate::lab::choice::{Choice, Chosen};

/// Of the program: the workload, and all that it uses of `std`.
pub(super) const PROGRAM: &str = "program";

/// Of other objects: the C library, the dynamic linker.
pub(super) const LIBRARIES: &str = "libraries";

/// Of whoever uses it.
const NOBODY: &str = "";

/// The parts, in the order of a call. What comes from a crate outside of these is called like its slot.
pub(super) const ORDER: [&str; 12] = [
    PROGRAM,
    "facade",
    "thread",
    "classes",
    "front",
    "counters",
    "warm-pool",
    "page",
    "registry",
    "pool",
    "os",
    LIBRARIES,
];

/// Crates that are in no row of the table of boxes, and whose they are.
const OTHERS: &[(&str, &str)] = &[
    ("hakmem-alloc", "facade"),
    ("hakmem-malloc", "facade"),
    ("front-gate", "classes"),
    ("tls-bind", "thread"),
    ("warm-pool", "warm-pool"),
    ("page-box", "page"),
    ("os-acquire", "os"),
    ("counted", "counters"),
    ("sync", NOBODY),
    ("contract", NOBODY),
];

/// Which files belong to which part.
#[derive(Debug)]
pub(super) struct Parts {
    /// Folders of `crates/`.
    ours: BTreeMap<&'static str, &'static str>,
    /// Folders of others' crates.
    theirs: Vec<(String, &'static str)>,
}

impl Parts {
    pub(super) fn new(choices: &[(String, Choice)]) -> Self {
        let mut ours = BTreeMap::new();
        for known in BOXES {
            let folders = known.crates.iter().map(|item| item.split('+').next().unwrap_or(item));
            ours.extend(folders.map(|folder| (folder, known.slot.name())));
        }
        ours.extend(OTHERS.iter().copied());
        let mut theirs = Vec::new();
        for (slot, chosen) in choices.iter().flat_map(|(_, choice)| choice.boxes()) {
            if let Chosen::Foreign(foreign) = chosen {
                theirs.push((format!("{}/", foreign.folder.display()), Slot::name(slot)));
            }
        }
        Self { ours, theirs }
    }

    /// Whose an instruction is that `files` lead to, the innermost first.
    pub(super) fn of(&self, mut files: impl Iterator<Item: AsRef<str>>) -> &'static str {
        files.find_map(|file| self.of_file(file.as_ref())).unwrap_or(PROGRAM)
    }

    /// `None` for a file that is whose who uses it: of `std`, say.
    fn of_file(&self, file: &str) -> Option<&'static str> {
        if let Some((_, part)) = self.theirs.iter().find(|(folder, _)| file.starts_with(folder)) {
            return Some(part);
        }
        let folder = file.split_once("/crates/").and_then(|(_, rest)| rest.split_once("/src/"));
        match folder.and_then(|(folder, _)| self.ours.get(folder)) {
            Some(&NOBODY) => None,
            Some(part) => Some(part),
            None if file.contains("/benches/src/") => Some(PROGRAM),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_box_has_what_it_uses_of_core_and_sync() {
        let parts = Parts::new(&[]);
        let chain = [
            "/rustc/5980/library/core/src/sync/atomic.rs",
            "/src/hakmem/crates/sync/src/imp_core.rs",
            "/src/hakmem/crates/superslab-registry/src/lib.rs",
            "/src/hakmem/crates/hakmem-alloc/src/paths/small.rs",
            "/src/hakmem/benches/src/workloads/slots.rs",
        ];
        assert_eq!(parts.of(chain.into_iter()), "registry");
        assert_eq!(parts.of(chain.into_iter().skip(3)), "facade");
        assert_eq!(parts.of(chain.into_iter().skip(4)), PROGRAM);
        assert_eq!(parts.of(["/rustc/5980/library/alloc/src/vec.rs"].into_iter()), PROGRAM);
    }

    #[test]
    fn every_known_box_is_in_the_part_of_its_slot() {
        let parts = Parts::new(&[]);
        for known in BOXES.iter().filter(|known| known.slot != Slot::Counters) {
            let folder = known.crates[0].split('+').next().unwrap_or_default();
            let part = parts.of_file(&format!("/src/crates/{folder}/src/lib.rs"));
            assert_eq!(part, Some(known.slot.name()), "{}", known.name);
            assert!(ORDER.contains(&known.slot.name()), "{} has no place", known.slot);
        }
    }
}
