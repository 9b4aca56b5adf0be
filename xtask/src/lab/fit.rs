//! What does not build: the compiler's errors, and one line that says what they come to.

use std::io::Cursor;
use std::process::Output;

use anyhow::{Error, anyhow};
use cargo_metadata::diagnostic::DiagnosticLevel;
use cargo_metadata::{CompilerMessage, Message};

use super::boxes::Slot;
use super::choice::{Choice, Chosen};
use super::text;

/// What a build said when it failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// The compiler's errors.
    errors: Vec<CompilerMessage>,
    /// What cargo itself said.
    cargo: String,
}

impl Failed {
    /// From what cargo printed.
    pub(super) fn read(output: &Output) -> Self {
        let error = |message| match message {
            Ok(Message::CompilerMessage(message)) => {
                (message.message.level == DiagnosticLevel::Error).then_some(message)
            }
            _ => None,
        };
        let errors = Message::parse_stream(Cursor::new(&output.stdout)).filter_map(error).collect();
        Self { errors, cargo: String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    /// There is no cargo.
    pub(super) fn not_started(why: &std::io::Error) -> Self {
        Self { errors: Vec::new(), cargo: format!("cannot start cargo: {why}") }
    }

    /// What a box lacks, in a line; then the errors, whole. `boxes` is the generated text of the types.
    pub(super) fn explain(&self, choice: &Choice, boxes: &str) -> Error {
        let line = self.misfit(choice, boxes).or_else(|| self.broken_crate(choice));
        self.plain(&line.unwrap_or_else(|| format!("{} does not build", choice.name())))
    }

    /// The line, then the compiler's errors; or cargo's, when the compiler did not get that far.
    pub(super) fn plain(&self, line: &str) -> Error {
        let errors: String =
            self.errors.iter().filter_map(|error| error.message.rendered.as_deref()).collect();
        let text = if errors.is_empty() { &self.cargo } else { &errors };
        anyhow!("{line}\n\n{}", text.trim_end())
    }

    /// The first error, in a line.
    pub(super) fn first_error(&self) -> String {
        let first = self.errors.first().map(|error| error.message.message.as_str());
        // Cargo begins with what it wanted, and ends with why it could not.
        let of_cargo = self.cargo.lines().rfind(|line| !line.trim().is_empty());
        first.or(of_cargo).unwrap_or("the build failed").trim().to_owned()
    }

    /// What a box lacks, by the assertions that did not hold: of a box that was swapped, if there is
    /// one, because the others may be made of it.
    fn misfit(&self, choice: &Choice, boxes: &str) -> Option<String> {
        let need = |error: &CompilerMessage| {
            let span = error.message.spans.iter().find(|span| span.is_primary)?;
            let ours = error.target.name == text::BOXES;
            ours.then(|| text::need(boxes, span.line_start)).flatten()
        };
        let mut needs: Vec<(Slot, &str)> = self.errors.iter().filter_map(need).collect();
        needs.sort_by_key(|(slot, _)| (choice.swap(*slot).is_none(), *slot));
        let &(slot, first) = needs.first()?;
        let name = choice.boxes().find(|(other, _)| *other == slot)?.1.name();
        let traits: Vec<&str> = needs
            .iter()
            .filter(|(other, _)| *other == slot)
            .filter_map(|(_, what)| what.strip_prefix("implement "))
            .collect();
        Some(if traits.is_empty() {
            format!("{name} is not what the slot {slot} needs: it has to {first}")
        } else {
            format!("{name} does not implement {}, which the slot {slot} needs", traits.join(", "))
        })
    }

    /// A crate of somebody else's that does not compile by itself.
    fn broken_crate(&self, choice: &Choice) -> Option<String> {
        let failed = |name: &str| {
            self.errors.iter().any(|error| error.target.name == name.replace('-', "_"))
        };
        choice.boxes().find_map(|(_, chosen)| match chosen {
            Chosen::Foreign(foreign) if failed(&foreign.package) => {
                Some(format!("{}: its crate does not compile", foreign.given))
            }
            _ => None,
        })
    }
}
