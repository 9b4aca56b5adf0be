//! Pages of which a part is written by a command: what is between two marks.

use anyhow::{Context as _, Result};

/// `text` with `section` between the marks.
pub(crate) fn between(text: &str, [begin, end]: [&str; 2], section: &str) -> Result<String> {
    let mark = |mark: &str| format!("there is no mark {}", mark.trim_end());
    let (before, rest) = text.split_once(begin).with_context(|| mark(begin))?;
    let (_, after) = rest.split_once(end).with_context(|| mark(end))?;
    Ok(format!("{before}{begin}{section}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_the_marks_stays() {
        let marks = ["<!-- begin -->\n", "<!-- end -->\n"];
        let text = |inside| format!("a\n<!-- begin -->\n{inside}<!-- end -->\nb\n");
        assert_eq!(between(&text("old\n"), marks, "new\n").unwrap(), text("new\n"));
        assert!(between("nothing", marks, "new").is_err());
    }
}
