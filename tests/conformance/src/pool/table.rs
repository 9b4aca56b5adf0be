//! A registry that is a table.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hakmem_contract::{Fresh, Kind, MetaArena, Registry, Survey, Tag, UNIT, Unplaced};

/// A registry that is a table. Covering a SuperSlab that it has not seen costs a bit of metadata.
#[derive(Debug, Default)]
pub struct Table(Mutex<BTreeMap<usize, (Tag, usize)>>);

impl Fresh for Table {
    const FRESH: Unplaced<Self> = Unplaced::new(Self(Mutex::new(BTreeMap::new())));
}

impl Survey for Table {
    fn survey(&self, mut see: impl FnMut(usize, Tag, usize)) {
        let table = self.0.lock().unwrap();
        let tagged = table.iter().filter(|(_, (tag, _))| *tag != Tag::FOREIGN);
        tagged.for_each(|(&base, &(tag, word))| see(base, tag, word));
    }
}

impl Table {
    /// How many tags are published.
    #[must_use]
    pub fn published(&self) -> usize {
        self.0.lock().unwrap().values().filter(|(tag, _)| tag.kind() != Kind::Foreign).count()
    }
}

// SAFETY: one lock, one table.
unsafe impl Registry for Table {
    fn tag_in_reach(&self, address: usize) -> Option<Tag> {
        Some(self.tag(address))
    }

    fn cover(&self, base: usize, bytes: usize, meta: &impl MetaArena) -> bool {
        let mut table = self.0.lock().unwrap();
        if (0..bytes / UNIT).all(|unit| table.contains_key(&(base + unit * UNIT))) {
            return true;
        }
        if meta.alloc_meta(64).is_none() {
            return false;
        }
        for unit in 0..bytes / UNIT {
            table.entry(base + unit * UNIT).or_insert((Tag::FOREIGN, 0));
        }
        true
    }

    fn tag(&self, address: usize) -> Tag {
        let table = self.0.lock().unwrap();
        table.get(&(address & !(UNIT - 1))).map_or(Tag::FOREIGN, |(tag, _)| *tag)
    }

    unsafe fn tag_covered(&self, address: usize) -> Tag {
        self.tag(address)
    }

    unsafe fn word_covered(&self, address: usize) -> usize {
        let table = self.0.lock().unwrap();
        let there = table.get(&(address & !(UNIT - 1)));
        there.unwrap_or_else(|| unreachable!("{address:#x} is not covered")).1
    }

    unsafe fn publish(&self, base: usize, units: usize, head: Tag, tail: Tag, word: usize) {
        let mut table = self.0.lock().unwrap();
        for unit in 0..units {
            let address = base + unit * UNIT;
            let slot = table
                .get_mut(&address)
                .unwrap_or_else(|| unreachable!("{address:#x} is not covered"));
            *slot = (if unit == 0 { head } else { tail }, word);
        }
    }

    unsafe fn retract(&self, base: usize, expected: Tag, instead: Tag) -> bool {
        let mut table = self.0.lock().unwrap();
        let Some((tag, _)) = table.get_mut(&base).filter(|(tag, _)| *tag == expected) else {
            return false;
        };
        *tag = instead;
        true
    }
}
