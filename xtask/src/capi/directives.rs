//! What the comment lines at the head of a C file ask for.

use anyhow::{Context, Result, bail, ensure};

use crate::shell::Output;

/// Stands in an expected text for the last line of the standard output that is an address.
const ADDRESS: &str = "ADDRESS";

/// How a program says that the machine lacks something.
const MISSING: i32 = 77;

const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

/// How a program is to end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Exit status 0: a test that passes, or a wrong program that goes undetected.
    #[default]
    Success,
    /// SIGABRT, with this text in a line on stderr.
    Abort(String),
    /// SIGSEGV: it touched a guard page.
    Fault,
}

/// How a test came out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    Missing(String),
}

/// A shared library that a program opens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CLibrary {
    pub(crate) file: String,
    pub(crate) source: String,
    pub(crate) flags: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    /// How it ends on the default library.
    pub(crate) expect: Ending,
    /// How it ends on the hardened library.
    pub(crate) hardened: Ending,
    /// Why it is not run on the hardened library.
    pub(crate) only_default: Option<String>,
    pub(crate) limit_kib: Option<u64>,
    pub(crate) timeout: Option<u64>,
    pub(crate) linked: bool,
    pub(crate) linked_shared: bool,
    pub(crate) preloaded_too: bool,
    pub(crate) compiler: Option<String>,
    pub(crate) libraries: Vec<CLibrary>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cflags: Vec<String>,
}

impl Ending {
    fn parse(value: &str) -> Result<Self> {
        match value.split_once(' ').unwrap_or((value, "")) {
            ("abort", text) if !text.is_empty() => Ok(Self::Abort(text.trim().to_owned())),
            ("undetected", "") => Ok(Self::Success),
            ("fault", "") => Ok(Self::Fault),
            _ => bail!("`{value}` is none of `abort TEXT`, `undetected`, `fault`"),
        }
    }

    /// How a test came out whose program was to end so.
    pub(crate) fn judge(&self, output: &Output) -> Outcome {
        if output.status.and_then(|status| status.code()) == Some(MISSING) {
            return Outcome::Missing(
                output.stderr.lines().last().unwrap_or("something").to_owned(),
            );
        }
        self.fault(output).map_or(Outcome::Passed, Outcome::Failed)
    }

    fn fault(&self, output: &Output) -> Option<String> {
        if output.stderr.contains("cannot be preloaded") {
            return Some("the loader refused the library".to_owned());
        }
        let ending = || output.ending();
        match self {
            Self::Success => (!output.success()).then(ending),
            Self::Fault => (output.signal() != Some(SIGSEGV))
                .then(|| format!("should have died by SIGSEGV: {}", ending())),
            Self::Abort(_) if output.signal() != Some(SIGABRT) => {
                Some(format!("should have aborted: {}", ending()))
            }
            Self::Abort(text) => {
                let text = text.replace(ADDRESS, printed_address(&output.stdout));
                let found = output.stderr.lines().any(|line| line.contains(&text));
                (!found).then(|| format!("aborted without a line `{text}`: {}", ending()))
            }
        }
    }
}

/// The address that a program printed last; without one, a text that nothing contains.
fn printed_address(stdout: &str) -> &str {
    stdout.lines().rfind(|line| line.starts_with("0x")).unwrap_or("ADDRESS, never printed")
}

impl CLibrary {
    /// Of the text `a/b.so c.c flags`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().map(str::to_owned);
        Some(Self { file: words.next()?, source: words.next()?, flags: words.collect() })
    }
}

impl Directives {
    /// Reads the comment lines at the head of `source`.
    pub(crate) fn parse(source: &str) -> Result<Self> {
        let mut wanted = Self::default();
        let (mut expect, mut hardened) = (false, false);
        let head = source.lines().map_while(|line| line.strip_prefix("//")).map(str::trim);
        for line in head {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.trim();
            match key {
                "static" if value.is_empty() => wanted.linked = true,
                "shared" if value.is_empty() => wanted.linked_shared = true,
                "preload-too" if value.is_empty() => wanted.preloaded_too = true,
                "compiler" => wanted.compiler = Some(value.to_owned()),
                "library" => wanted
                    .libraries
                    .push(CLibrary::parse(value).context("library: FILE.so SOURCE.c FLAGS")?),
                "expect" => (wanted.expect, expect) = (Ending::parse(value)?, true),
                "hardened" => (wanted.hardened, hardened) = (Ending::parse(value)?, true),
                "only" => {
                    let reason = value.strip_prefix("default").unwrap_or_default().trim();
                    ensure!(!reason.is_empty(), "only: `default` and a reason");
                    wanted.only_default = Some(reason.to_owned());
                }
                "limit-as-kib" => wanted.limit_kib = Some(value.parse().context("limit-as-kib")?),
                "timeout-s" => wanted.timeout = Some(value.parse().context("timeout-s")?),
                "cflags" => wanted.cflags.extend(value.split_whitespace().map(str::to_owned)),
                "env" => {
                    let (name, value) = value.split_once('=').context("env: NAME=VALUE")?;
                    wanted.env.push((name.to_owned(), value.to_owned()));
                }
                // A misspelt directive must not turn a test into one that always passes.
                _ if looks_like_directive(line, key) => bail!("unknown directive `{line}`"),
                _ => {}
            }
        }
        let alone = expect != hardened && (hardened || wanted.only_default.is_none());
        ensure!(!alone, "`expect:` and `hardened:` go together");
        Ok(wanted)
    }
}

/// `word: value` or `two-words: value`, all lower case, is no prose.
fn looks_like_directive(line: &str, key: &str) -> bool {
    line.contains(": ") && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::shell;

    const DOUBLE_FREE: &str = "// expect: abort double free of ADDRESS\n// hardened: fault\n";

    #[test]
    fn reads_the_directives() {
        let wanted = Directives::parse(
            "// expect: abort double free\n// hardened: undetected\n// limit-as-kib: 200000\n\
             // static\n// env: A=b=c\n// Prose: free.\n\n// timeout-s: 9\n",
        )
        .unwrap();
        assert_eq!(wanted.expect, Ending::Abort("double free".to_owned()));
        assert_eq!(wanted.hardened, Ending::Success);
        assert_eq!(wanted.limit_kib, Some(200_000));
        assert!(wanted.linked);
        assert_eq!(wanted.env, [("A".to_owned(), "b=c".to_owned())]);
        assert_eq!(wanted.timeout, None, "after the head");
        let only = Directives::parse("// only: default it counts units\n").unwrap();
        assert_eq!(only.only_default.as_deref(), Some("it counts units"));
    }

    #[test]
    fn refuses_a_misspelt_directive() {
        for bad in [
            "// limit-as-kb: 200000\n",
            "// expect: exit 3\n// hardened: fault\n",
            "// expect: abort\n// hardened: fault\n",
            "// expect: undetected\n",
            "// hardened: undetected\n",
            "// only: default\n",
        ] {
            assert!(Directives::parse(bad).is_err(), "{bad}");
        }
    }

    fn shell(script: &str) -> Output {
        let script = format!("ulimit -c 0; {script}");
        shell::capture(Command::new("sh").args(["-c", &script]), Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn reads_what_is_built_and_preloaded() {
        let wanted = Directives::parse(
            "// static\n// preload-too\n// compiler: musl-gcc\n// library: a/b.so c.c -lm -lz\n",
        )
        .unwrap();
        assert!(wanted.linked && wanted.preloaded_too);
        assert_eq!(wanted.compiler.as_deref(), Some("musl-gcc"));
        let [library] = &wanted.libraries[..] else { panic!("one library") };
        assert_eq!((library.file.as_str(), library.source.as_str()), ("a/b.so", "c.c"));
        assert_eq!(library.flags, ["-lm", "-lz"]);
    }

    /// What is wrong with how a script ends, or that nothing is.
    fn fault(wanted: &Ending, script: &str) -> String {
        match wanted.judge(&shell(script)) {
            Outcome::Failed(fault) => fault,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn judges_an_expected_abort() {
        let wanted = Directives::parse(DOUBLE_FREE).unwrap().expect;
        let line = "echo 'hakmem: double free of 0x10: block 1' >&2";
        assert_eq!(fault(&wanted, &format!("echo 0x10; {line}; kill -ABRT $$")), "Passed");
        for script in [
            "echo 0x10; kill -ABRT $$".to_owned(),
            format!("echo 0x20; {line}; kill -ABRT $$"),
            format!("{line}; kill -ABRT $$"),
        ] {
            assert!(fault(&wanted, &script).starts_with("aborted without"), "{script}");
        }
        let alive = fault(&wanted, &format!("echo 0x10; {line}"));
        assert!(alive.starts_with("should have aborted"));
    }

    #[test]
    fn judges_an_expected_fault() {
        let wanted = Directives::parse(DOUBLE_FREE).unwrap().hardened;
        assert_eq!(fault(&wanted, "kill -SEGV $$"), "Passed");
        assert!(fault(&wanted, "kill -ABRT $$").starts_with("should have died"));
        assert!(fault(&wanted, "exit 0").starts_with("should have died"));
    }

    #[test]
    fn judges_a_plain_test() {
        let wanted = Ending::Success;
        assert_eq!(fault(&wanted, "exit 0"), "Passed");
        assert_eq!(fault(&wanted, "exit 7"), "exit status: 7");
        let refused = fault(&wanted, "echo 'object cannot be preloaded: ignored.' >&2");
        assert!(refused.starts_with("the loader refused"));
        let missing = Outcome::Missing("a thing".to_owned());
        assert_eq!(wanted.judge(&shell("echo 'a thing' >&2; exit 77")), missing);
    }
}
