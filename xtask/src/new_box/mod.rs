//! `cargo xtask new-box`: a crate with a box that is right and slow, to start from.
//!
//! The sources are `xtask/templates/SLOT.rs` and `SLOT.tests.rs`, in which the box is called `MyBox`.

pub(crate) mod check;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::lab::boxes::Slot;
use crate::workspace::Workspace;

/// What `cargo xtask new-box` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The slot that the box is for: classes, front, page, registry, pool or os
    #[arg(required_unless_present = "check")]
    slot: Option<String>,
    /// Its name, in lower case with hyphens: my-front
    #[arg(required_unless_present = "check")]
    name: Option<String>,
    /// The folder of the new crate [default: NAME, in the current folder]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Make one for each slot in a temporary folder, and run its tests: a part of `cargo xtask test`
    #[arg(long, conflicts_with_all = ["slot", "name", "path"])]
    pub(crate) check: bool,
}

/// What a slot's box is made of.
#[derive(Debug)]
struct Template {
    slot: Slot,
    /// In a few words.
    what: &'static str,
    library: &'static str,
    tests: &'static str,
    /// Crates that it depends on beside `contract`: folders in `crates/`.
    crates: &'static [&'static str],
}

const TEMPLATES: [Template; 6] = [
    Template {
        slot: Slot::Classes,
        what: "a scheme of size classes",
        library: include_str!("../../templates/classes.rs"),
        tests: include_str!("../../templates/classes.tests.rs"),
        crates: &[],
    },
    Template {
        slot: Slot::Front,
        what: "a thread's cache of free blocks",
        library: include_str!("../../templates/front.rs"),
        tests: include_str!("../../templates/front.tests.rs"),
        crates: &[],
    },
    Template {
        slot: Slot::Page,
        what: "one slab's accounting",
        library: include_str!("../../templates/page.rs"),
        tests: include_str!("../../templates/page.tests.rs"),
        crates: &[],
    },
    Template {
        slot: Slot::Os,
        what: "the system calls",
        library: include_str!("../../templates/os.rs"),
        tests: include_str!("../../templates/os.tests.rs"),
        crates: &["os-acquire"],
    },
    Template {
        slot: Slot::Pool,
        what: "units, spans and huge blocks",
        library: include_str!("../../templates/pool.rs"),
        tests: include_str!("../../templates/pool.tests.rs"),
        crates: &["shared-pool"],
    },
    Template {
        slot: Slot::Registry,
        what: "a registry: address to tag",
        library: include_str!("../../templates/registry.rs"),
        tests: include_str!("../../templates/registry.tests.rs"),
        crates: &[],
    },
];

/// A box to be made.
#[derive(Debug)]
struct NewBox<'a> {
    template: &'static Template,
    name: &'a str,
    /// The crate's folder.
    folder: PathBuf,
    /// This workspace.
    root: &'a Path,
}

/// Makes the crate, and says what comes next.
pub(crate) fn run(ws: &Workspace, args: &Args) -> Result<()> {
    let here = std::env::current_dir()?;
    let [slot, name] = [&args.slot, &args.name].map(|given| given.as_deref().unwrap_or_default());
    let given = args.path.clone().unwrap_or_else(|| PathBuf::from(name));
    let new = NewBox::new(slot, name, here.join(&given), &ws.root)?;
    new.make()?;
    say!("{}", new.next(&given));
    Ok(())
}

impl<'a> NewBox<'a> {
    fn new(slot: &str, name: &'a str, folder: PathBuf, root: &'a Path) -> Result<Self> {
        let template = TEMPLATES.iter().find(|template| template.slot.name() == slot);
        let Some(template) = template else {
            let slots: Vec<_> = TEMPLATES.iter().map(|of| of.slot.name()).collect();
            bail!(
                "there is nothing to start from for `{slot}`; there is for: {}",
                slots.join(", ")
            );
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_name = name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_lowercase());
        ensure!(
            is_name && !name.ends_with('-') && !name.contains("--"),
            "`{name}` is no name for a box: lower case, with hyphens between words"
        );
        Ok(Self { template, name, folder, root })
    }

    /// `my-front` is `MyFront`.
    fn ty(&self) -> String {
        let word = |word: &str| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        };
        self.name.split('-').map(word).collect()
    }

    /// Whether it is to be a member of this workspace.
    fn is_member(&self) -> bool {
        let parent = self.folder.parent().and_then(|parent| parent.canonicalize().ok());
        parent.is_some_and(|parent| Some(parent) == self.root.join("crates").canonicalize().ok())
    }

    fn package(&self) -> String {
        if self.is_member() { format!("hakmem-{}", self.name) } else { self.name.to_owned() }
    }

    /// Writes the files. What is there is not written over.
    fn make(&self) -> Result<()> {
        let folder = self.folder.display();
        let is_new = match fs::read_dir(&self.folder) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => !self.folder.exists(),
        };
        ensure!(is_new, "{folder} is there already, and stays as it is: choose another --path");
        for part in ["src", "tests"] {
            let part = self.folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
        }
        let files = [
            ("Cargo.toml", self.manifest()),
            ("src/lib.rs", self.named(self.template.library)),
            ("tests/conformance.rs", self.named(self.template.tests)),
        ];
        for (path, text) in files {
            let path = self.folder.join(path);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if !self.is_member() {
            // The same versions of everything.
            let lock = self.root.join("Cargo.lock");
            fs::copy(&lock, self.folder.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
        }
        self.format();
        Ok(())
    }

    /// The names are longer or shorter now. Without rustfmt it stays as it is.
    fn format(&self) {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--edition", "2024"]).stderr(Stdio::null()).current_dir(&self.folder);
        let _ = rustfmt.args(["src/lib.rs", "tests/conformance.rs"]).status();
    }

    /// A template with this box's names.
    fn named(&self, text: &str) -> String {
        let package = self.package();
        let text = text.replace("MyBox", &self.ty()).replace("my_box", &package.replace('-', "_"));
        let text = text.replace("my-box", self.name);
        if self.is_member() {
            text.replace("core::sync::atomic", "hakmem_sync::atomic")
        } else {
            text
        }
    }

    fn manifest(&self) -> String {
        let is_member = self.is_member();
        let dependency = |name: &str, folder: &str| {
            let folder = self.root.join(folder).display().to_string();
            let from = if is_member {
                "workspace = true".to_owned()
            } else {
                format!("path = {folder:?}")
            };
            format!("{name} = {{ {from} }}\n")
        };
        let mut dependencies = dependency("hakmem-contract", "crates/contract");
        if is_member && self.template.library.contains("core::sync::atomic") {
            dependencies += &dependency("hakmem-sync", "crates/sync");
        }
        for of in self.template.crates {
            dependencies += &dependency(&format!("hakmem-{of}"), &format!("crates/{of}"));
        }
        let dev = dependency("hakmem-conformance", "tests/conformance");
        let (package, what) = (self.package(), self.template.what);
        let (head, tail) = if is_member { (MEMBER, MEMBER_TAIL) } else { (OUTSIDE, OUTSIDE_TAIL) };
        format!(
            "[package]\nname = \"{package}\"\ndescription = \"{what}\"\n{head}\n\
             [dependencies]\n{dependencies}\n[dev-dependencies]\n{dev}\n{tail}"
        )
    }

    /// What to do now; `given` is how the user calls the folder.
    fn next(&self, given: &Path) -> String {
        let (given, slot, what) = (given.display(), self.template.slot, self.template.what);
        let swap = format!("{slot}={given}::{}", self.ty());
        let mut text = format!(
            "made {given}: {what}, which keeps its promises and is slow\n\n\
             \x20 (cd {given} && cargo test)      its slot's promises, one test each\n\
             \x20 cargo xtask bench --swap {swap} --only random-mixed\n\
             \x20 less {given}/src/lib.rs         \"Where to start\"\n\n\
             docs/boxes/README.md says what each slot is for."
        );
        if self.is_member() {
            text += MEMBER_NEXT;
        }
        text
    }
}

const OUTSIDE: &str = "version = \"0.1.0\"\nedition = \"2024\"\nrust-version = \"1.90\"\npublish = false\n\n\
     # By itself, whatever folder it lies in.\n[workspace]\n";

const OUTSIDE_TAIL: &str =
    "# The suite runs millions of operations.\n[profile.test]\nopt-level = 1\n";

const MEMBER: &str = "version.workspace = true\nedition.workspace = true\n\
     rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n";

const MEMBER_TAIL: &str = "[lints]\nworkspace = true\n";

/// What a member of this workspace needs besides.
const MEMBER_NEXT: &str = "\n\nA box of this workspace also needs a row in crates/README.md, its path in Cargo.toml, a row in\n\
     xtask/src/lab/boxes.rs, a control in tests/controls/boxes.toml, and a page in docs/boxes/.\n\
     `cargo xtask tidy` and CONTRIBUTING.md say the rest.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::choice::Choice;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    fn complaint(slot: &str, name: &str, folder: &Path) -> String {
        let made = NewBox::new(slot, name, folder.to_owned(), root()).and_then(|new| new.make());
        format!("{:#}", made.unwrap_err())
    }

    #[test]
    fn a_name_becomes_a_type() {
        let new = |name| NewBox::new("front", name, PathBuf::new(), root()).unwrap().ty();
        assert_eq!(new("my-front"), "MyFront");
        assert_eq!(new("lifo2-of-many"), "Lifo2OfMany");
    }

    #[test]
    fn what_cannot_be_made_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("box");
        assert!(complaint("frnt", "a", &place).contains("there is for: classes, front"));
        for name in ["", "My", "my_front", "2a", "a-", "a--b", "a/b"] {
            assert!(complaint("front", name, &place).contains("no name"), "{name}");
        }
        assert!(!place.exists());
        fs::create_dir(&place).unwrap();
        fs::write(place.join("kept"), "as it was").unwrap();
        assert!(complaint("front", "a", &place).contains("there already"));
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
    }

    #[test]
    fn the_next_commands_are_right() {
        for template in &TEMPLATES {
            let folder = tempfile::tempdir().unwrap();
            let slot = template.slot.name();
            let new = NewBox::new(slot, "my-own", folder.path().join("at/here"), root()).unwrap();
            new.make().unwrap();
            let next = new.next(Path::new("at/here"));
            let swap = format!("{slot}=at/here::MyOwn");
            assert!(next.contains(&format!("--swap {swap} ")), "{next}");
            let choice = Choice::swapped(&[swap], folder.path()).unwrap();
            let chosen = choice.swap(template.slot).unwrap();
            assert!(chosen.ty().starts_with("my_own::MyOwn"), "the bench would find it");
        }
    }

    #[test]
    fn a_member_is_named_and_linted_like_the_others() {
        let place = root().join("crates/my-own");
        let new = NewBox::new("registry", "my-own", place, root()).unwrap();
        let manifest = new.manifest();
        assert!(manifest.contains("name = \"hakmem-my-own\"") && manifest.contains("[lints]"));
        assert!(manifest.contains("hakmem-sync = { workspace = true }"));
        assert!(!new.named(new.template.library).contains("core::sync"));
        assert!(new.named(new.template.tests).contains("use hakmem_my_own::{MyOwn, ROOM};"));
        assert!(new.next(Path::new("crates/my-own")).contains("crates/README.md"));
    }
}
