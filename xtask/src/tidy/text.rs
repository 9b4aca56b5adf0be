//! The text itself: lengths, words, spelling.

use super::Finding;
use super::tree::{SourceFile, Tree};

/// Longest source file; tests may be longer.
const MAX_LINES: usize = 500;

/// Longest test file.
const MAX_TEST_LINES: usize = 1000;

/// Words with a better one, or with none: word, what to do.
const BANNED: [(&str, &str); 3] = [
    ("obviously", "give the reason"),
    ("Superslab", "write SuperSlab"),
    ("hugepage", "write huge page"),
];

/// The folder whose files name what they look for.
const OURSELVES: &str = "xtask/src/tidy/";

/// A file that is too long to read is two files.
pub(super) fn file_length(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust()) {
        let test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
        let limit = if test { MAX_TEST_LINES } else { MAX_LINES };
        if file.lines.len() > limit {
            let message = format!("{} lines, at most {limit}", file.lines.len());
            findings.push(Finding::new(&file.path, 0, message));
        }
    }
    findings
}

/// The lint and the reader look for one spelling, in capitals and with a colon.
pub(super) fn safety_spelling(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust() && !is_ourselves(file)) {
        for (number, line) in file.numbered() {
            if is_misspelt(line.raw.trim_start()) {
                findings.push(Finding::new(&file.path, number, "spell it `// SAFETY: …`"));
            }
        }
    }
    findings
}

fn is_misspelt(line: &str) -> bool {
    let Some(comment) = line.strip_prefix("//").filter(|rest| !rest.starts_with(['/', '!'])) else {
        return false;
    };
    let comment = comment.trim_start();
    let word: String = comment.chars().take_while(char::is_ascii_alphabetic).collect();
    let known = ["safety", "saftey", "safty", "saefty", "savety"];
    let shouted = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    let labelled = comment[word.len()..].trim_start().starts_with(':');
    known.contains(&word.to_lowercase().as_str())
        && (shouted || labelled)
        && !line.starts_with("// SAFETY: ")
        && line != "// SAFETY:"
}

/// What is left to do stands in a list of work, not in the code.
pub(super) fn todo(tree: &Tree) -> Vec<Finding> {
    find_words(tree, |word| (word == "TODO").then(|| "`TODO` is refused".to_owned()))
}

/// One word for one thing.
pub(super) fn banned_words(tree: &Tree) -> Vec<Finding> {
    find_words(tree, |word| {
        let (_, instead) = BANNED.iter().find(|(banned, _)| word == *banned)?;
        Some(format!("`{word}`: {instead}"))
    })
}

fn find_words(tree: &Tree, judge: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !is_ourselves(file)) {
        for (number, line) in file.numbered() {
            let words = super::mask::words(&line.raw);
            for message in words.filter_map(|(_, word)| judge(word)) {
                findings.push(Finding::new(&file.path, number, message));
            }
        }
    }
    findings
}

fn is_ourselves(file: &SourceFile) -> bool {
    file.path.starts_with(OURSELVES)
}

/// Space at the end of a line is a change that nobody meant.
pub(super) fn trailing_space(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in file.numbered() {
            if line.raw.ends_with([' ', '\t']) {
                findings.push(Finding::new(&file.path, number, "space at the end of the line"));
            }
        }
    }
    findings
}
