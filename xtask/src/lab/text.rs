//! The text of a generated workspace: the boxes, the workloads on them, the C library on them.
//!
//! ```text
//! target/lab/KEY/
//!   Cargo.toml        a workspace of its own, with this one's release profile
//!   boxes/            one type for each slot, and for each an assertion that it fits
//!   workload/         the benches' program, on a composition of these types
//!   capi/             crates/hakmem-malloc with another `chosen.rs`
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use super::boxes::{Known, Slot};
use super::choice::{Choice, Chosen};

/// The library that has the types.
pub(crate) const BOXES: &str = "hakmem_lab_boxes";

/// A generated package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Boxes,
    Workload,
    Capi,
}

impl Part {
    /// The package's name. Cargo tells packages of several workspaces apart by name and by place below
    /// their roots, and all workspaces are built in one folder: so the name has the key.
    pub(crate) fn package(self, key: &str) -> String {
        let part = match self {
            Self::Boxes => "boxes",
            Self::Workload => "workload",
            Self::Capi => "capi",
        };
        format!("{}_{part}", artefact_of(key))
    }
}

/// What stands before the slot and the trait in the line above an assertion.
const NEEDS: &str = "// needs ";

/// Where the sources are, and what the workspace's manifest says.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) root: &'a Path,
    /// The root's Cargo.toml.
    pub(crate) manifest: &'a str,
    /// The C library's.
    pub(crate) capi_manifest: &'a str,
    /// Whether there has to be room for more classes than the default scheme has.
    pub(crate) many_classes: bool,
}

/// Every generated file, by its path.
pub(crate) fn files(choice: &Choice, source: &Source<'_>) -> Result<BTreeMap<String, String>> {
    let facade = source.root.join("crates/hakmem-alloc");
    let files = [
        ("Cargo.toml", workspace(&choice.name(), &["boxes", "workload", "capi"], source)?),
        ("boxes/Cargo.toml", boxes_manifest(choice, source)),
        ("boxes/src/lib.rs", boxes(choice)),
        (
            "workload/Cargo.toml",
            on_boxes(choice, &workload_manifest(&choice.key(), &facade, source.root)),
        ),
        ("workload/src/main.rs", workload(choice)),
        ("capi/Cargo.toml", capi_manifest(choice, source)?),
        ("capi/src/chosen.rs", chosen(choice)),
    ];
    Ok(files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect())
}

/// What the binary and the library are called in the build's folder, where several are.
pub(crate) fn artefact(choice: &Choice) -> String {
    artefact_of(&choice.key())
}

/// The same for any name.
pub(crate) fn artefact_of(key: &str) -> String {
    format!("lab_{}", key.replace(['-', '.'], "_"))
}

/// The workspace in which the workloads of `source` are built on the sources at `tree`, whose default
/// composition is measured.
pub(crate) fn of_revision(
    name: &str,
    key: &str,
    tree: &Path,
    source: &Source<'_>,
) -> Result<BTreeMap<String, String>> {
    let main =
        format!("//! The workloads on {name}.\n\n{}", program(name, "hakmem_alloc::Hakmem", ""));
    let manifest = workload_manifest(key, &tree.join("crates/hakmem-alloc"), source.root);
    let files = [
        ("Cargo.toml", workspace(name, &["workload"], source)?),
        ("workload/Cargo.toml", manifest),
        ("workload/src/main.rs", main),
    ];
    Ok(files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect())
}

fn workspace(name: &str, members: &[&str], source: &Source<'_>) -> Result<String> {
    let profile = section(source.manifest, "profile.release").context("no release profile")?;
    Ok(format!(
        "# {name}: made by `cargo xtask bench`, and written again when it is asked for again.\n\
         [workspace]\nresolver = \"3\"\nmembers = {members:?}\n\n{profile}",
    ))
}

/// A table of a manifest, with its head.
fn section<'a>(manifest: &'a str, name: &str) -> Option<&'a str> {
    let start = manifest.find(&format!("[{name}]\n"))?;
    let rest = &manifest[start..];
    Some(rest.find("\n[").map_or(rest, |end| &rest[..=end]))
}

/// A package's head and the start of its dependencies. The version is the workspace's: the C library
/// tells it.
fn package(name: &str, target: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n\
         publish = false\n\n{target}[dependencies]\n"
    )
}

/// The head of the package that has the types.
fn boxes_package(key: &str) -> String {
    package(&Part::Boxes.package(key), &format!("[lib]\nname = \"{BOXES}\"\n\n"))
}

/// A line of `[dependencies]`.
fn dependency(name: &str, folder: &Path, features: &BTreeSet<&str>) -> String {
    let features: Vec<_> = features.iter().map(|feature| format!("\"{feature}\"")).collect();
    format!(
        "{name} = {{ path = {:?}, features = [{}] }}\n",
        folder.display().to_string(),
        features.join(", ")
    )
}

/// The one on the facade, without the boxes of other compositions: a change of one of them would build
/// every composition again.
fn dependency_on_facade(folder: &Path) -> String {
    let folder = folder.display().to_string();
    format!("hakmem-alloc = {{ path = {folder:?}, default-features = false }}\n")
}

/// The package in a folder of `crates/`.
fn package_of(folder: &str) -> String {
    if folder.starts_with("hakmem-") { folder.to_owned() } else { format!("hakmem-{folder}") }
}

fn boxes_manifest(choice: &Choice, source: &Source<'_>) -> String {
    let mut text = boxes_package(&choice.key());
    let mut known = Vec::new();
    let mut theirs = BTreeSet::new();
    for (_, chosen) in choice.boxes() {
        match chosen {
            Chosen::Known(ours) => known.push(*ours),
            Chosen::Foreign(foreign) => {
                theirs.insert(dependency(&foreign.package, &foreign.folder, &BTreeSet::new()));
            }
        }
    }
    if choice.is_counting() {
        text.push_str(&counted(source));
    }
    text.push_str(&crates(&known, source));
    text.extend(theirs);
    text
}

/// The dependencies on the crates of these boxes, on the traits, and on the memory of the pool.
fn crates(boxes: &[&Known], source: &Source<'_>) -> String {
    let contract = if source.many_classes { "contract+many-classes" } else { "contract" };
    let always = [contract, "warm-pool", "os-acquire"];
    let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for item in always.iter().chain(boxes.iter().flat_map(|known| known.crates)) {
        let (folder, feature) = item.split_once('+').unwrap_or((item, ""));
        let features = folders.entry(folder).or_default();
        features.extend(Some(feature).filter(|feature| !feature.is_empty()));
    }
    let line = |(folder, features): (&&str, &BTreeSet<&str>)| {
        dependency(&package_of(folder), &source.root.join("crates").join(folder), features)
    };
    folders.iter().map(line).collect()
}

/// A workspace that builds nothing but the types of all boxes that are known, and sees them fit.
pub(crate) fn of_all(source: &Source<'_>) -> Result<BTreeMap<String, String>> {
    let known: Vec<&Known> = Slot::ALL.iter().flat_map(|slot| slot.boxes()).collect();
    let mut text = "//! Every box that is known.\n#![no_std]\n\n".to_owned();
    for slot in [Slot::Os, Slot::Registry] {
        let first = slot.boxes().next().context("a slot without a default")?;
        text.push_str(&format!("type {} = {};\n", slot.alias(), first.ty));
    }
    text.push_str("type Memory = hakmem_os_acquire::Acquire<Os>;\n");
    text.push_str(LEDGER);
    for known in &known {
        for needed in known.slot.needs() {
            text.push_str(&assertion(needed, known.ty));
            text.push_str(&assertion(needed, &counting(Some(known.slot), known.ty)));
        }
    }
    let files = [
        ("Cargo.toml", workspace("every box", &["boxes"], source)?),
        ("boxes/Cargo.toml", boxes_package("all") + &crates(&known, source) + &counted(source)),
        ("boxes/src/lib.rs", text),
    ];
    Ok(files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect())
}

/// A line that compiles when `ty` implements the trait `needed`.
fn assertion(needed: &str, ty: &str) -> String {
    format!("const _: fn() = || {{ fn fits<T: hakmem_{needed}>() {{}} fits::<{ty}>() }};\n")
}

/// Where wrapped boxes count.
const LEDGER: &str = "\
/// Where these boxes count.
#[derive(Debug)]
pub struct Here;

static COUNTERS: hakmem_counted::Counters = hakmem_counted::Counters::new();

impl hakmem_counted::Ledger for Here {
    fn counters() -> &'static hakmem_counted::Counters {
        &COUNTERS
    }
}

/// What is counted.
pub use hakmem_counted::NAMES;

/// Writes the counts.
pub fn read(out: &mut [u64]) {
    hakmem_counted::read::<Here>(out);
}

";

/// The dependency on the types that count.
fn counted(source: &Source<'_>) -> String {
    dependency("hakmem-counted", &source.root.join("crates/counted"), &BTreeSet::new())
}

/// The type `ty`, in one that counts if the composition is to.
fn wrapped(choice: &Choice, slot: Option<Slot>, ty: &str) -> String {
    if choice.is_counting() { counting(slot, ty) } else { ty.to_owned() }
}

/// The type `ty` in one that counts. No slot is that of the memory.
fn counting(slot: Option<Slot>, ty: &str) -> String {
    match slot {
        // Size classes are tables, and what warm pools count is all that its slot is about.
        Some(Slot::Classes) => ty.to_owned(),
        Some(Slot::Counters) => "hakmem_counted::Warm<Here>".to_owned(),
        _ => format!("hakmem_counted::Counted<{ty}, Here>"),
    }
}

/// The types, and the assertions that they fit: if one does not, nothing else is compiled, so these
/// errors are the first ones, and the only ones.
fn boxes(choice: &Choice) -> String {
    let mut text = format!(
        "//! {}: one type for each slot, and assertions that they fit.\n#![no_std]\n\n{}\
         /// What the pool is made of, with the registry.\n\
         pub type Memory = {};\n",
        choice.name(),
        if choice.is_counting() { LEDGER } else { "" },
        wrapped(choice, None, "hakmem_os_acquire::Acquire<Os>"),
    );
    for (slot, chosen) in choice.boxes() {
        text.push_str(&format!(
            "/// {}\n{NEEDS}{slot} to be a type that others can name\npub type {} = {};\n",
            chosen.name(),
            slot.alias(),
            wrapped(choice, Some(slot), chosen.ty())
        ));
    }
    for (slot, _) in choice.boxes() {
        for needed in slot.needs() {
            text.push_str(&format!("{NEEDS}{slot} to implement {needed}\n"));
            text.push_str(&assertion(needed, slot.alias()));
        }
    }
    text.push_str(&format!(
        "{NEEDS}{} to have no more classes than there is room for\nconst _: () = assert!(\
         <Classes as hakmem_contract::SizeClasses>::COUNT <= hakmem_contract::MAX_CLASSES);\n",
        Slot::Classes
    ));
    text
}

/// The slot of line `number` (from 1) of [`boxes`], and what it needs, in words.
pub(crate) fn need(boxes: &str, number: usize) -> Option<(Slot, &str)> {
    let above = boxes.lines().nth(number.checked_sub(2)?)?;
    let (slot, what) = above.strip_prefix(NEEDS)?.split_once(" to ")?;
    Some((Slot::named(slot)?, what))
}

/// What makes an allocator of the types. The word's name is the program's alone, which has no other.
fn composition(choice: &Choice) -> String {
    format!(
        "use hakmem_lab_boxes::{{Classes, Counters, Front, Page, Pool}};\n\n\
         hakmem_alloc::compose! {{\n    /// {}\n    pub Composition, \"hakmem_lab_word\" {{\n        \
         classes: Classes,\n        front: Front,\n        counters: Counters,\n        page: Page,\n        \
         pool: Pool,\n    }}\n}}\n",
        choice.name()
    )
}

fn workload_manifest(key: &str, facade: &Path, root: &Path) -> String {
    let binary = artefact_of(key);
    let target = format!("[[bin]]\nname = \"{binary}\"\npath = \"src/main.rs\"\n\n");
    [
        package(&Part::Workload.package(key), &target),
        dependency_on_facade(facade),
        dependency("hakmem-benches", &root.join("benches"), &BTreeSet::new()),
    ]
    .concat()
}

/// A manifest of a package that has a composition of its own.
fn on_boxes(choice: &Choice, manifest: &str) -> String {
    let boxes = Part::Boxes.package(&choice.key());
    manifest.to_owned() + &dependency(&boxes, Path::new("../boxes"), &BTreeSet::new())
}

fn workload(choice: &Choice) -> String {
    let name = choice.name();
    let counting = if choice.is_counting() { COUNTING } else { "" };
    let (composition, program) = (composition(choice), program(&name, "Composition", counting));
    format!("//! The workloads on {name}.\n\n{composition}\n{program}")
}

/// What the program does first if its boxes count.
const COUNTING: &str = "    \
hakmem_benches::counters::install(hakmem_lab_boxes::NAMES, hakmem_lab_boxes::read);\n";

/// The program with the name `name` on the allocator `ty`.
fn program(name: &str, ty: &str, before: &str) -> String {
    format!(
        "#[global_allocator]\nstatic GLOBAL: {ty} = <{ty}>::new();\n\n\
         fn main() -> std::process::ExitCode {{\n{before}    \
         hakmem_benches::cli::run({name:?}, |_| ())\n}}\n"
    )
}

fn capi_manifest(choice: &Choice, source: &Source<'_>) -> Result<String> {
    let library = format!(
        "[lib]\nname = \"{}\"\ncrate-type = [\"cdylib\", \"staticlib\"]\n\
         test = false\ndoctest = false\nbench = false\n\n{}\n",
        artefact(choice),
        section(source.capi_manifest, "features").context("the C library has no features")?,
    );
    let facade = source.root.join("crates/hakmem-alloc");
    Ok(on_boxes(
        choice,
        &[
            package(&Part::Capi.package(&choice.key()), &library),
            dependency_on_facade(&facade),
            "libc = { version = \"0.2\", default-features = false }\n".to_owned(),
        ]
        .concat(),
    ))
}

/// The module that stands in the place of the C library's own.
fn chosen(choice: &Choice) -> String {
    format!("//! {}.\n\n{}", choice.name(), composition(choice))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str =
        "[workspace]\nmembers = []\n\n[profile.release]\nlto = \"fat\"\n\n[profile.dev]\n";
    const CAPI_ROOT: &str = "[features]\ndefault = [\"operators\"]\noperators = []\n";

    fn generated(swaps: &[&str]) -> BTreeMap<String, String> {
        let swaps: Vec<_> = swaps.iter().map(|&swap| swap.to_owned()).collect();
        let choice = Choice::swapped(&swaps, Path::new("/")).unwrap();
        let source = Source {
            root: Path::new("/repo"),
            manifest: ROOT,
            capi_manifest: CAPI_ROOT,
            many_classes: false,
        };
        files(&choice, &source).unwrap()
    }

    #[test]
    fn the_profile_is_this_workspaces() {
        let text = &generated(&[])["Cargo.toml"];
        assert!(text.ends_with("[profile.release]\nlto = \"fat\"\n\n"), "{text}");
    }

    #[test]
    fn the_library_has_this_workspaces_version() {
        let version = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
        assert!(generated(&[])["capi/Cargo.toml"].contains(&version));
    }

    #[test]
    fn a_swap_changes_one_type_and_nothing_else() {
        let (old, new) = (generated(&["front=unified-cache"]), generated(&["front=tls-sll"]));
        let lines = |files: &BTreeMap<String, String>| -> BTreeSet<String> {
            files["boxes/src/lib.rs"].lines().map(str::to_owned).collect()
        };
        let (old, new) = (lines(&old), lines(&new));
        let added: Vec<_> = new.difference(&old).filter(|line| !line.starts_with("//")).collect();
        assert_eq!(added, ["pub type Front = hakmem_tls_sll::TlsSll;"]);
    }

    #[test]
    fn a_counting_composition_has_every_box_wrapped() {
        let choice = Choice::default();
        let source = Source {
            root: Path::new("/repo"),
            manifest: ROOT,
            capi_manifest: CAPI_ROOT,
            many_classes: false,
        };
        let generated = files(&choice.counting(), &source).unwrap();
        let text = &generated["boxes/src/lib.rs"];
        for slot in [Slot::Front, Slot::Page, Slot::Os, Slot::Registry, Slot::Pool] {
            let wrapped = format!("pub type {} = hakmem_counted::Counted<", slot.alias());
            assert!(text.contains(&wrapped), "{slot}");
        }
        assert!(text.contains("pub type Memory = hakmem_counted::Counted<"));
        assert!(text.contains("pub type Counters = hakmem_counted::Warm<Here>;"));
        assert!(generated["workload/src/main.rs"].contains("counters::install("));
        assert!(!files(&choice, &source).unwrap()["boxes/src/lib.rs"].contains("counted"));
    }

    #[test]
    fn a_box_is_a_dependency_with_its_features() {
        let text = &generated(&["pool=guarded"])["boxes/Cargo.toml"];
        let guarded =
            "hakmem-guarded-pool = { path = \"/repo/crates/guarded-pool\", features = [] }";
        assert!(text.contains(guarded), "{text}");
        assert!(text.contains("hakmem-shared-pool = "), "{text}");
        let features = BTreeSet::from(["a", "b"]);
        assert_eq!(
            dependency("x", Path::new("/x"), &features),
            "x = { path = \"/x\", features = [\"a\", \"b\"] }\n"
        );
    }

    #[test]
    fn a_line_of_the_assertions_tells_its_slot() {
        let text = &generated(&[])["boxes/src/lib.rs"];
        let line_of =
            |wanted: &str| text.lines().position(|line| line.contains(wanted)).unwrap() + 1;
        assert_eq!(
            need(text, line_of("fits<T: hakmem_contract::FrontCache>")),
            Some((Slot::Front, "implement contract::FrontCache"))
        );
        assert_eq!(
            need(text, line_of("fits<T: hakmem_contract::HugeBlocks>")),
            Some((Slot::Pool, "implement contract::HugeBlocks"))
        );
        let alias = need(text, line_of("pub type Page"));
        assert_eq!(alias, Some((Slot::Page, "be a type that others can name")));
        assert_eq!(need(text, 1), None);
        assert_eq!(need(text, 0), None);
    }

    #[test]
    fn every_trait_of_every_slot_is_asserted() {
        let text = &generated(&[])["boxes/src/lib.rs"];
        let traits: usize = Slot::ALL.iter().map(|slot| slot.needs().len()).sum();
        assert_eq!(text.matches("fn fits<T: hakmem_").count(), traits);
    }

    #[test]
    fn no_two_packages_have_one_name() {
        let (one, other) = (generated(&["counters=none"]), generated(&["counters=counts"]));
        for path in ["boxes/Cargo.toml", "workload/Cargo.toml", "capi/Cargo.toml"] {
            let name = |files: &BTreeMap<String, String>| {
                files[path].lines().find(|line| line.starts_with("name = ")).map(str::to_owned)
            };
            assert!(name(&one).is_some() && name(&one) != name(&other), "{path}");
        }
    }

    #[test]
    fn artefacts_have_names_of_their_own() {
        let name = |swap: &str| generated(&[swap])["capi/Cargo.toml"].clone();
        assert!(name("front=none").contains("name = \"lab_front_none\""));
        assert!(name("front=tls-sll").contains("name = \"lab_front_tls_sll\""));
    }
}
