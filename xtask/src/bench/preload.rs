//! The field of `--preload`: one binary on the system allocator, and a library in its place.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::entrants::{Entrant, Field, Kind, build, cargo};
use super::{Args, Places};
use crate::progress::Bar;
use crate::shell;

/// Peers with their libraries, and the Debian packages that have them.
const LIBRARIES: &[(&str, &str, &str)] = &[
    ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
    ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
    ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
];

/// hakmem's library, the system allocator, and the libraries that are found here.
pub(crate) fn field(args: &Args, places: &Places) -> Result<Field> {
    let mut field = Field::default();
    let bar = Bar::builds(["system", "libhakmem.so"]);
    let binary = bar.step("system", || build("system", args.verbose, places))?;
    let library = bar.step("libhakmem.so", || hakmem(args, places));
    drop(bar);
    match library {
        Ok(library) => field.entrants.push(under("hakmem", Kind::Subject, &binary, Some(library))),
        Err(error) => field.not_measured.push(("hakmem".to_owned(), format!("{error:#}"))),
    }
    peers(args, &binary, &mut field)?;
    field.entrants.push(under("no-alloc", Kind::NoAlloc, &binary, None));
    Ok(field)
}

/// The system allocator, and the libraries that are found here, as far as they are wanted.
pub(crate) fn peers(args: &Args, binary: &Path, field: &mut Field) -> Result<()> {
    let wanted = |name: &str| {
        args.peers.iter().any(|peer| peer == name || peer == "default" || peer == "all")
    };
    if wanted("system") {
        field.entrants.push(under("system", Kind::Peer, binary, None));
    }
    for (name, file, package) in LIBRARIES.iter().filter(|(name, ..)| wanted(name)) {
        match shell::library(file) {
            Some(path) => field.entrants.push(under(name, Kind::Peer, binary, Some(path))),
            None => {
                let reason = format!("needs {file}, in Debian's package {package}");
                field.not_measured.push(((*name).to_owned(), reason));
            }
        }
    }
    given(args, binary, field)
}

/// The libraries of `--lib`.
fn given(args: &Args, binary: &Path, field: &mut Field) -> Result<()> {
    for lib in &args.libs {
        let (name, path) = lib.split_once('=').unwrap_or((lib, ""));
        ensure!(!path.is_empty(), "--lib takes NAME=PATH, not `{lib}`");
        let path = PathBuf::from(path);
        if path.is_file() {
            field.entrants.push(under(name, Kind::Peer, binary, Some(path)));
        } else {
            let reason = format!("there is no file {}", path.display());
            field.not_measured.push((name.to_owned(), reason));
        }
    }
    Ok(())
}

fn hakmem(args: &Args, places: &Places) -> Result<PathBuf> {
    cargo(&["build", "--release", "--package", "hakmem-malloc"], args.verbose, places)?;
    let library = places.metadata.target_directory.join("release/libhakmem.so");
    ensure!(library.is_file(), "the build left no {library}");
    Ok(library.into_std_path_buf())
}

fn under(name: &str, kind: Kind, binary: &Path, preload: Option<PathBuf>) -> Entrant {
    let (name, binary) = (name.to_owned(), binary.to_owned());
    Entrant {
        name,
        kind,
        binary,
        preload,
        built_with: "system".to_owned(),
        words: None,
        more_args: &[],
    }
}
