//! Which processes had the library: from what the dynamic linker says under `LD_DEBUG=files`.
//!
//! The linker goes on without a library that it cannot preload, and a comparison of two runs on
//! the system's allocator proves nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The programs that processes became, and whether with the library.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    images: Vec<Image>,
}

#[derive(Debug, PartialEq, Eq)]
struct Image {
    /// The last part of the name it was started by.
    program: String,
    preloaded: bool,
}

impl Loads {
    /// Reads the logs: a file each process, in which every image that it became has its turn.
    pub(crate) fn read(logs: &Path) -> Result<Self> {
        let mut loads = Self::default();
        for entry in fs::read_dir(logs)? {
            let path = entry?.path();
            let text =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            loads.images.extend(images(&String::from_utf8_lossy(&text)));
        }
        Ok(loads)
    }

    /// How many images ran.
    pub(crate) fn processes(&self) -> usize {
        self.images.len()
    }

    /// What ran without the library.
    pub(crate) fn refused(&self) -> Option<String> {
        let image = self.images.iter().find(|image| !image.preloaded)?;
        Some(format!("{} ran without libhakmem.so", image.program))
    }

    /// What did not run at all.
    pub(crate) fn absent(&self, needs: &[&str]) -> Option<String> {
        let ran = |need: &str| self.images.iter().any(|image| image.program.starts_with(need));
        needs.iter().find(|need| !ran(need)).map(|need| format!("no process became {need}"))
    }
}

fn images(log: &str) -> Vec<Image> {
    let mut images = Vec::new();
    let mut preloaded = false;
    for line in log.lines() {
        // `file=/…/libhakmem.so [0];  generating link map` says that it is mapped.
        preloaded |= line.contains("/libhakmem") && line.contains("generating link map");
        if let Some((_, name)) = line.split_once("transferring control: ") {
            let program = name.rsplit('/').next().unwrap_or(name).trim().to_owned();
            images.push(Image { program, preloaded });
            preloaded = false;
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: &str = "7:\tfile=/a/libhakmem.so [0];  needed by sh [0]\n\
                        7:\tfile=/a/libhakmem.so [0];  generating link map\n\
                        7:\ttransferring control: /bin/sh\n";
    const WITHOUT: &str = "7:\tfile=/a/libhakmem.so [0];  needed by env [0]\n\
                           7:\tfile=libc.so.6 [0];  generating link map\n\
                           7:\ttransferring control: env\n";

    #[test]
    fn an_image_without_the_library_is_found() {
        let loads = Loads { images: images(&format!("{WITH}{WITHOUT}")) };
        assert_eq!(loads.processes(), 2);
        assert_eq!(loads.refused().unwrap(), "env ran without libhakmem.so");
    }

    #[test]
    fn every_program_needed_must_have_run() {
        let loads = Loads { images: images(WITH) };
        assert_eq!(loads.refused(), None);
        assert_eq!(loads.absent(&["sh"]), None);
        assert_eq!(loads.absent(&["sh", "env"]).unwrap(), "no process became env");
        assert!(Loads::default().absent(&["sh"]).is_some());
    }
}
