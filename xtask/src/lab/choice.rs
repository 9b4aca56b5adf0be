//! Which box is in which slot: what `--swap` and `--grid` say.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::boxes::{Known, Limit, Slot};

/// The boxes of a composition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    boxes: BTreeMap<Slot, Chosen>,
    /// The slots that somebody named, the others have their defaults.
    swapped: Vec<Slot>,
    /// Whether every box is wrapped in one that counts.
    counting: bool,
}

/// The box of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// One of this workspace's.
    Known(&'static Known),
    /// Somebody else's.
    Foreign(Foreign),
}

/// A box from a crate outside of this workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// As it was written: `../my-box::MyFront`.
    pub(crate) given: String,
    /// Where the crate is.
    pub(crate) folder: PathBuf,
    pub(crate) package: String,
    /// The type, as a composition names it.
    pub(crate) ty: String,
}

impl Chosen {
    /// What the user calls it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Known(known) => known.name,
            Self::Foreign(foreign) => &foreign.given,
        }
    }

    /// The type, as a composition names it.
    pub(crate) fn ty(&self) -> &str {
        match self {
            Self::Known(known) => known.ty,
            Self::Foreign(foreign) => &foreign.ty,
        }
    }
}

impl Choice {
    /// The default of every slot.
    pub(crate) fn default() -> Self {
        let first = |slot: Slot| Some((slot, Chosen::Known(slot.boxes().next()?)));
        let boxes = Slot::ALL.into_iter().filter_map(first).collect();
        Self { boxes, swapped: Vec::new(), counting: false }
    }

    /// The defaults, but for what `swaps` say; all of them together. Paths start at `here`.
    pub(crate) fn swapped(swaps: &[String], here: &Path) -> Result<Self> {
        let mut choice = Self::default();
        for swap in swaps {
            let (slot, name) = slot_of(swap, "--swap")?;
            ensure!(
                !choice.swapped.contains(&slot),
                "--swap names the slot {slot} twice: one composition has one box there; \
                 `--grid {slot}=A|B` compares several"
            );
            choice.put(slot, find(slot, name, here)?);
        }
        Ok(choice)
    }

    /// Every box that is known, one swapped at a time.
    pub(crate) fn each() -> Vec<Self> {
        let of_slot = |slot: Slot| slot.boxes().skip(1).map(move |known| (slot, known));
        let with = |(slot, known)| {
            let mut choice = Self::default();
            choice.put(slot, Chosen::Known(known));
            choice
        };
        Slot::ALL.into_iter().flat_map(of_slot).map(with).collect()
    }

    /// All combinations of what a grid says of each slot: `front=*,registry=two-level|hash`.
    pub(crate) fn grid(grid: &str, here: &Path) -> Result<Vec<Self>> {
        let mut all = vec![Self::default()];
        for axis in grid.split(',') {
            let (slot, names) = slot_of(axis, "--grid")?;
            ensure!(!all[0].swapped.contains(&slot), "--grid names the slot {slot} twice");
            let boxes: Vec<Chosen> = match names {
                "*" => slot.boxes().map(Chosen::Known).collect(),
                names => {
                    names.split('|').map(|name| find(slot, name, here)).collect::<Result<_>>()?
                }
            };
            let with = |choice: &Self, chosen: &Chosen| {
                let mut choice = choice.clone();
                choice.put(slot, chosen.clone());
                choice
            };
            all = all.iter().flat_map(|old| boxes.iter().map(move |new| with(old, new))).collect();
        }
        // The default composition is in the table anyhow.
        all.retain(|choice| choice.boxes != Self::default().boxes);
        Ok(all)
    }

    fn put(&mut self, slot: Slot, chosen: Chosen) {
        self.boxes.insert(slot, chosen);
        self.swapped.push(slot);
    }

    /// The same boxes, each wrapped in one that counts.
    pub(crate) fn counting(&self) -> Self {
        Self { counting: true, ..self.clone() }
    }

    /// Whether the boxes are wrapped.
    pub(crate) fn is_counting(&self) -> bool {
        self.counting
    }

    /// Every slot with its box, in the order of [`Slot::ALL`].
    pub(crate) fn boxes(&self) -> impl Iterator<Item = (Slot, &Chosen)> {
        self.boxes.iter().map(|(slot, chosen)| (*slot, chosen))
    }

    /// The box in a slot that somebody named.
    pub(crate) fn swap(&self, slot: Slot) -> Option<&Chosen> {
        self.swapped.contains(&slot).then(|| self.boxes.get(&slot)).flatten()
    }

    /// What does not pass on the boxes that somebody named. Beside another box it may.
    pub(crate) fn limits(&self) -> Vec<Limit> {
        let of = |slot: &Slot| match &self.boxes[slot] {
            Chosen::Known(known) => known.limits,
            Chosen::Foreign(_) => &[],
        };
        let alone = self.swapped.len() == 1;
        let weaker = |limit: &Limit| Limit { at_times: limit.at_times || !alone, ..*limit };
        self.swapped.iter().flat_map(of).map(weaker).collect()
    }

    /// Its name in a table: `front=tls-sll,registry=hash`, or `hakmem` when nothing is swapped.
    pub(crate) fn name(&self) -> String {
        let swap = |slot: &Slot| format!("{slot}={}", self.boxes[slot].name());
        match self.swapped.as_slice() {
            [] => "hakmem".to_owned(),
            slots => slots.iter().map(swap).collect::<Vec<_>>().join(","),
        }
    }

    /// What it is made of, in words.
    pub(crate) fn in_words(&self) -> String {
        let part = |(slot, chosen): (Slot, &Chosen)| format!("{slot} {}", chosen.name());
        match self.swapped.as_slice() {
            [] => "the default boxes".to_owned(),
            _ => self.boxes().map(part).collect::<Vec<_>>().join(", "),
        }
    }

    /// Its name as a folder: `front-tls-sll.registry-hash`. What is not of this workspace is told
    /// apart by where it is.
    pub(crate) fn key(&self) -> String {
        let mut slots = self.swapped.clone();
        slots.sort_unstable();
        let swap = |slot: &Slot| match &self.boxes[slot] {
            Chosen::Known(known) => format!("{slot}-{}", known.name),
            Chosen::Foreign(foreign) => {
                let mut hasher = DefaultHasher::new();
                (&foreign.folder, &foreign.ty).hash(&mut hasher);
                format!("{slot}-{}-{:08x}", foreign.package, hasher.finish() >> 32)
            }
        };
        let key = match slots.as_slice() {
            [] => "default".to_owned(),
            slots => slots.iter().map(swap).collect::<Vec<_>>().join("."),
        };
        if self.counting { format!("{key}.counting") } else { key }
    }
}

/// Takes `SLOT=…` apart.
fn slot_of<'a>(text: &'a str, flag: &str) -> Result<(Slot, &'a str)> {
    let Some((slot, rest)) = text.split_once('=').filter(|(_, rest)| !rest.is_empty()) else {
        bail!("{flag} takes SLOT=NAME or SLOT=PATH::Type, not `{text}`; slots: {}", slots());
    };
    let known = Slot::named(slot);
    Ok((known.with_context(|| format!("no slot `{slot}`; there are: {}", slots()))?, rest))
}

fn slots() -> String {
    Slot::ALL.map(Slot::name).join(", ")
}

/// The box that `name` means in `slot`.
fn find(slot: Slot, name: &str, here: &Path) -> Result<Chosen> {
    if let Some((path, ty)) = name.split_once("::") {
        return foreign(slot, name, &here.join(path), ty).map(Chosen::Foreign);
    }
    if let Some(known) = slot.boxes().find(|known| known.name == name) {
        return Ok(Chosen::Known(known));
    }
    let names: Vec<_> = slot.boxes().map(|known| known.name).collect();
    bail!(
        "no box `{name}` for the slot {slot}; there are: {}; or one of your own, {slot}=PATH::Type",
        names.join(", ")
    )
}

/// What a manifest says of its package.
#[derive(serde::Deserialize)]
struct Manifest {
    package: Package,
    lib: Option<Lib>,
}

#[derive(serde::Deserialize)]
struct Package {
    name: String,
}

#[derive(serde::Deserialize)]
struct Lib {
    name: Option<String>,
}

/// The type `ty` of the crate at `folder`.
fn foreign(slot: Slot, given: &str, folder: &Path, ty: &str) -> Result<Foreign> {
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("{given}: there is no crate, no {}", manifest.display()))?;
    let read: Manifest =
        toml::from_str(&text).with_context(|| format!("{given}: {}", manifest.display()))?;
    let folder = folder.canonicalize().with_context(|| given.to_owned())?;
    let package = read.package.name;
    let library = read.lib.and_then(|lib| lib.name).unwrap_or_else(|| package.replace('-', "_"));
    // A pool is made of the memory and the registry of the other slots.
    let made_of = if slot == Slot::Pool && !ty.contains('<') { "<Memory, Registry>" } else { "" };
    Ok(Foreign {
        given: given.to_owned(),
        folder,
        package,
        ty: format!("{library}::{ty}{made_of}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swapped(swaps: &[&str]) -> Result<Choice> {
        let swaps: Vec<_> = swaps.iter().map(|&swap| swap.to_owned()).collect();
        Choice::swapped(&swaps, Path::new("/nowhere"))
    }

    fn complaint(swaps: &[&str]) -> String {
        format!("{:#}", swapped(swaps).unwrap_err())
    }

    #[test]
    fn every_slot_has_a_default() {
        let choice = Choice::default();
        assert_eq!(choice.boxes().count(), Slot::ALL.len());
        assert_eq!((choice.name().as_str(), choice.key().as_str()), ("hakmem", "default"));
        assert!(Slot::ALL.iter().all(|&slot| choice.swap(slot).is_none()));
    }

    #[test]
    fn no_slot_has_two_boxes_of_one_name() {
        for slot in Slot::ALL {
            let mut names: Vec<_> = slot.boxes().map(|known| known.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), slot.boxes().count(), "{slot}");
        }
    }

    #[test]
    fn swaps_of_several_slots_are_one_composition() {
        let choice = swapped(&["pool=guarded", "front=tls-sll"]).unwrap();
        assert_eq!(choice.name(), "pool=guarded,front=tls-sll");
        assert_eq!(choice.key(), "front-tls-sll.pool-guarded");
        assert_eq!(choice.swap(Slot::Front).unwrap().ty(), "hakmem_tls_sll::TlsSll");
        assert_eq!(choice.swap(Slot::Page), None);
    }

    #[test]
    fn a_default_may_be_named() {
        let choice = swapped(&["front=unified-cache"]).unwrap();
        assert_eq!(choice.key(), "front-unified-cache");
        assert_eq!(choice.boxes, Choice::default().boxes);
    }

    #[test]
    fn complaints_say_what_there_is() {
        assert!(complaint(&["front"]).contains("SLOT=NAME"));
        assert!(complaint(&["front="]).contains("SLOT=NAME"));
        assert!(complaint(&["frnt=none"]).contains("no slot `frnt`; there are: classes, front"));
        let text = complaint(&["front=sll"]);
        assert!(text.contains("no box `sll` for the slot front"), "{text}");
        assert!(text.contains("unified-cache, tls-sll"), "{text}");
        assert!(complaint(&["front=none", "front=tls-sll"]).contains("twice"));
        assert!(complaint(&["front=../a::B"]).contains("../a::B: there is no crate"));
    }

    #[test]
    fn a_grid_is_all_combinations_but_the_default() {
        let names = |grid| -> Vec<String> {
            let all = Choice::grid(grid, Path::new("/")).unwrap();
            all.iter().map(Choice::name).collect()
        };
        assert_eq!(
            names("front=unified-cache|none,counters=none|counts"),
            [
                "front=unified-cache,counters=counts",
                "front=none,counters=none",
                "front=none,counters=counts"
            ]
        );
        assert_eq!(names("front=*").len(), Slot::Front.boxes().count() - 1);
        assert!(Choice::grid("front=*,front=none", Path::new("/")).is_err());
    }

    #[test]
    fn each_box_is_swapped_alone() {
        let names: Vec<String> = Choice::each().iter().map(Choice::name).collect();
        let known: usize = Slot::ALL.iter().map(|slot| slot.boxes().count()).sum();
        assert_eq!(names.len(), known - Slot::ALL.len());
        assert!(names.contains(&"front=tls-sll".to_owned()));
        assert!(!names.contains(&"front=unified-cache".to_owned()));
    }

    #[test]
    fn a_crate_of_ones_own_is_found_by_its_manifest() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("my-box");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("Cargo.toml"), "[package]\nname = \"my-box\"\n").unwrap();
        let of = |swap: &str| {
            let choice = Choice::swapped(&[swap.to_owned()], base.path()).unwrap();
            let ty = choice
                .boxes()
                .find_map(|(slot, chosen)| choice.swap(slot).map(|_| chosen.ty().to_owned()));
            (choice.name(), ty.unwrap(), choice.key())
        };
        let (name, ty, key) = of("front=my-box::deep::MyFront<4>");
        assert_eq!(name, "front=my-box::deep::MyFront<4>");
        assert_eq!(ty, "my_box::deep::MyFront<4>");
        assert!(key.starts_with("front-my-box-"), "{key}");
        assert_ne!(key, of("front=my-box::Other").2);
        assert_eq!(of("pool=./my-box::Mine").1, "my_box::Mine<Memory, Registry>");
        assert_eq!(of("pool=my-box::Mine<Memory>").1, "my_box::Mine<Memory>");
        let named = "[package]\nname = \"my-box\"\n[lib]\nname = \"mine\"\n";
        fs::write(folder.join("Cargo.toml"), named).unwrap();
        assert_eq!(of("front=my-box::MyFront").1, "mine::MyFront");
    }
}
