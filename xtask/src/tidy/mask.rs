//! Code without its comments and literals.

/// What the scanner is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    LineComment,
    /// Nesting depth.
    BlockComment(usize),
    Str,
    /// Number of `#`.
    RawStr(usize),
}

/// `text` with the contents of comments and of string and character literals blanked. Every
/// byte that stays keeps its line and column.
pub(super) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut inside = Inside::Code;
    let mut at = 0;
    while at < bytes.len() {
        let (len, keep, next) = step(&bytes[at..], bytes[..at].last().copied(), inside);
        let piece = &bytes[at..(at + len).min(bytes.len())];
        out.extend(piece.iter().map(|&b| if keep || b == b'\n' { b } else { b' ' }));
        at += piece.len();
        inside = next;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// How many bytes come next, whether they are code, and what they lead into.
fn step(rest: &[u8], before: Option<u8>, inside: Inside) -> (usize, bool, Inside) {
    match inside {
        Inside::Code => step_code(rest, before),
        Inside::LineComment if rest[0] == b'\n' => (1, true, Inside::Code),
        Inside::BlockComment(depth) if rest.starts_with(b"*/") => {
            (2, false, if depth == 1 { Inside::Code } else { Inside::BlockComment(depth - 1) })
        }
        Inside::BlockComment(depth) if rest.starts_with(b"/*") => {
            (2, false, Inside::BlockComment(depth + 1))
        }
        Inside::Str if rest[0] == b'\\' => (2, false, inside),
        Inside::Str if rest[0] == b'"' => (1, true, Inside::Code),
        Inside::RawStr(n) if ends_raw(rest, n) => (1 + n, true, Inside::Code),
        _ => (1, false, inside),
    }
}

fn step_code(rest: &[u8], before: Option<u8>) -> (usize, bool, Inside) {
    let in_word = before.is_some_and(is_word);
    if rest.starts_with(b"//") {
        (2, false, Inside::LineComment)
    } else if rest.starts_with(b"/*") {
        (2, false, Inside::BlockComment(1))
    } else if rest[0] == b'"' {
        (1, true, Inside::Str)
    } else if let Some((len, n)) = raw_start(rest).filter(|_| !in_word || before == Some(b'b')) {
        (len, true, Inside::RawStr(n))
    } else if let Some(len) = char_literal(rest) {
        (len, false, Inside::Code)
    } else {
        (1, true, Inside::Code)
    }
}

/// `r"` or `r#"`: its length and the number of `#`.
fn raw_start(rest: &[u8]) -> Option<(usize, usize)> {
    let after = rest.strip_prefix(b"r")?;
    let hashes = after.iter().take_while(|&&b| b == b'#').count();
    (after.get(hashes) == Some(&b'"')).then_some((hashes + 2, hashes))
}

fn ends_raw(rest: &[u8], hashes: usize) -> bool {
    rest[0] == b'"' && rest[1..].iter().take_while(|&&b| b == b'#').count() >= hashes
}

/// The length of `'x'` or `'\n'`; `None` for a lifetime.
fn char_literal(rest: &[u8]) -> Option<usize> {
    let body = rest.strip_prefix(b"'")?;
    if body.first() == Some(&b'\\') {
        return body.iter().skip(2).position(|&b| b == b'\'').map(|end| end + 4);
    }
    // One character, of at most four bytes.
    let width = std::str::from_utf8(&body[..body.len().min(4)])
        .ok()
        .or_else(|| body.utf8_chunks().next().map(|chunk| chunk.valid()))
        .and_then(|text| text.chars().next())
        .map(char::len_utf8)?;
    (body.get(width) == Some(&b'\'') && body[0] != b'\'').then_some(width + 2)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The identifiers and keywords of a line, with their columns.
pub(super) fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + line[at..].find(|c: char| c.is_alphanumeric() || c == '_')?;
        let len = line[start..].find(|c: char| !c.is_alphanumeric() && c != '_');
        at = len.map_or(line.len(), |len| start + len);
        Some((start, &line[start..at]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a\"b", x)"#, r#"f("    ", x)"#),
            (r##"f(r#"a"b"#, x)"##, r##"f(r#"   "#, x)"##),
            ("'a' 'b: &'static '\\n' 'é'", "    'b: &'static         "),
            ("for\"x\"", "for\" \""),
        ];
        for (text, want) in cases {
            assert_eq!(code(text).trim_end(), want.trim_end(), "{text}");
        }
    }

    #[test]
    fn words_have_columns() {
        let found: Vec<_> = words("fn a_1(x)").collect();
        assert_eq!(found, [(0, "fn"), (3, "a_1"), (7, "x")]);
    }
}
