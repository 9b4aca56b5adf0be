//! What a control says, as `tests/controls/*.toml` has it.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// Where the files are.
pub(crate) const FOLDER: &str = "tests/controls";

/// How long a test may take with a bug planted: a bug that makes it hang is seen by then.
const LIMIT_S: u64 = 60;

/// One file of controls.
#[derive(Debug)]
pub(crate) struct Area {
    /// The file's name without its ending.
    pub(crate) name: String,
    pub(crate) controls: Vec<Control>,
}

/// A planted bug, and the tests that must notice.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) name: String,
    /// What is planted, in one sentence.
    pub(crate) why: String,
    pub(crate) edits: Vec<Edit>,
    pub(crate) caught_by: Vec<Named>,
    timeout_s: Option<u64>,
}

/// One change of one file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// From the root, with `/`.
    pub(crate) file: String,
    /// Occurs exactly once.
    pub(crate) cut: String,
    pub(crate) put: String,
}

/// A test, as `caught_by` names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    /// `capi NAME`, `capi-hardened NAME`: a program of `tests/c/`.
    Capi { hardened: bool, name: String },
    /// `rust PACKAGE BINARY [FILTER]`: a test binary, or its tests with these words in their names.
    Rust { package: String, binary: String, filter: Option<String> },
    /// Any other command of `cargo xtask` that builds what it needs.
    Command(Vec<String>),
}

/// How long the tests of a control may take with the bug planted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) time: Duration,
    /// The control says that its bug may make tests hang.
    pub(crate) may_hang: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    control: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: String,
    why: String,
    file: Option<String>,
    cut: Option<String>,
    put: Option<String>,
    #[serde(default)]
    edits: Vec<Edit>,
    #[serde(rename = "caught_by")]
    caught_by: Vec<String>,
    timeout_s: Option<u64>,
}

/// Reads the text of one file.
pub(crate) fn parse(name: &str, text: &str) -> Result<Area> {
    let file: File = toml::from_str(text)?;
    let controls = file.control.into_iter().map(control).collect::<Result<_>>()?;
    Ok(Area { name: name.to_owned(), controls })
}

fn control(entry: Entry) -> Result<Control> {
    let name = entry.name;
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(!name.is_empty() && name.chars().all(kebab), "`{name}` is not kebab-case");
    let edits = match (entry.file, entry.cut, entry.put, entry.edits) {
        (Some(file), Some(cut), Some(put), edits) if edits.is_empty() => {
            vec![Edit { file, cut, put }]
        }
        (None, None, None, edits) if !edits.is_empty() => edits,
        _ => bail!("{name}: either `file`, `cut` and `put`, or `edits`"),
    };
    ensure!(edits.iter().all(|edit| edit.cut != edit.put), "{name}: changes nothing");
    ensure!(!entry.caught_by.is_empty(), "{name}: caught by nothing");
    let tests = entry.caught_by.iter().map(|test| named(test).with_context(|| name.clone()));
    let caught_by = tests.collect::<Result<_>>()?;
    Ok(Control { name, why: entry.why, edits, caught_by, timeout_s: entry.timeout_s })
}

/// `program X`, `soak N` and `trace` are words of controls; the rest is said as on the command line.
fn named(text: &str) -> Result<Named> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let command = |words: &[&str]| Named::Command(words.iter().map(|&w| w.to_owned()).collect());
    Ok(match words[..] {
        [kind @ ("capi" | "capi-hardened"), name] => {
            Named::Capi { hardened: kind == "capi-hardened", name: name.to_owned() }
        }
        ["rust", package, binary, ref filter @ ..] => Named::Rust {
            package: package.to_owned(),
            binary: binary.to_owned(),
            filter: (!filter.is_empty()).then(|| filter.join(" ")),
        },
        ["program", name] => command(&["programs", name]),
        ["soak", seconds] => command(&["soak", "--seconds", seconds]),
        ["trace"] => command(&["trace", "--check"]),
        ["so" | "asm"] | ["sanitize" | "valgrind" | "fuzz", ..] => command(&words),
        _ => bail!("`{text}` names no kind of test"),
    })
}

impl Control {
    pub(crate) fn limit(&self) -> Limit {
        Limit {
            time: Duration::from_secs(self.timeout_s.unwrap_or(LIMIT_S)),
            may_hang: self.timeout_s.is_some(),
        }
    }
}

impl Edit {
    /// The text with the bug planted.
    pub(crate) fn apply(&self, text: &str) -> Result<String> {
        match text.matches(&self.cut).count() {
            1 => Ok(text.replacen(&self.cut, &self.put, 1)),
            n => bail!("{}: what is to be cut occurs {n} times, not once", self.file),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capi { hardened: false, name } => write!(f, "capi {name}"),
            Self::Capi { hardened: true, name } => write!(f, "capi-hardened {name}"),
            Self::Rust { package, binary, filter: None } => write!(f, "rust {package} {binary}"),
            Self::Rust { package, binary, filter: Some(filter) } => {
                write!(f, "rust {package} {binary} {filter}")
            }
            Self::Command(words) => f.write_str(&words.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "[[control]]\nname = 'a-b'\nwhy = 'w'\nfile = 'f'\ncut = 'x'\nput = 'y'\n\
                       caught_by = ['capi fork', 'rust hakmem-alloc faults zeroed', 'soak 5']\n";

    #[test]
    fn reads_a_control() {
        let area = parse("base", ONE).unwrap();
        let control = &area.controls[0];
        let tests: Vec<String> = control.caught_by.iter().map(Named::to_string).collect();
        assert_eq!(tests, ["capi fork", "rust hakmem-alloc faults zeroed", "soak --seconds 5"]);
        assert_eq!(control.edits[0].apply("axb").unwrap(), "ayb");
        assert!(!control.limit().may_hang);
    }

    #[test]
    fn refuses_what_proves_nothing() {
        for (is, instead) in [
            ("put = 'y'", "put = 'x'"),
            ("put = 'y'", ""),
            ("'a-b'", "'A b'"),
            ("why = 'w'\n", ""),
            ("capi fork", "cap fork"),
            ("'capi fork', 'rust hakmem-alloc faults zeroed', 'soak 5'", ""),
            ("file = 'f'", "file = 'f'\ntimeout = 3"),
        ] {
            assert!(ONE.contains(is), "{is}");
            assert!(parse("base", &ONE.replace(is, instead)).is_err(), "{instead}");
        }
    }

    #[test]
    fn refuses_a_cut_that_is_not_there_once() {
        let area = parse("base", ONE).unwrap();
        let edit = &area.controls[0].edits[0];
        assert!(edit.apply("abc").is_err());
        assert!(edit.apply("axbxc").is_err());
    }
}
