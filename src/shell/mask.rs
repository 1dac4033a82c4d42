//! Making a body readable for the grammar without moving a byte.
//!
//! BuildKit takes comment lines, blank lines and continuations out before a shell sees the text.
//! Here they are overwritten instead, so that an offset in the masked body is an offset in the file
//! minus a constant.

use crate::source::Span;
use crate::syntax::Heredoc;
use std::ops::Range;

/// What overwritten bytes become: white space to the grammar, and dropped from a word's text. A
/// vertical tab that a file really holds is treated alike, which loses nothing that matters.
pub(super) const FILLER: u8 = 0x0b;

/// A body ready to be parsed.
#[derive(Debug)]
pub(super) struct Masked {
    /// As many bytes as the body has in the file.
    pub bytes: Vec<u8>,
    /// Where the `<<NAME` words stood, in the order of the heredocs; ranges in `bytes`.
    pub operators: Vec<Range<usize>>,
}

/// Masks the body of a shell-form instruction.
pub(super) fn instruction(body: &str, escape: char, heredocs: &[Heredoc]) -> Masked {
    let mut bytes = body.as_bytes().to_vec();
    continuations(&mut bytes, escape);
    empty_substitutions(&mut bytes);
    let operators = if heredocs.is_empty() {
        Vec::new()
    } else {
        heredoc_operators(&mut bytes, heredocs)
    };
    Masked { bytes, operators }
}

/// Masks the body of a heredoc that is a script: nothing but carriage returns is in the way.
pub(super) fn heredoc(body: &str) -> Vec<u8> {
    let mut bytes = body.as_bytes().to_vec();
    for i in 1..bytes.len() {
        if bytes[i] == b'\n' && bytes[i - 1] == b'\r' {
            bytes[i - 1] = FILLER;
        }
    }
    bytes
}

/// Whether the bytes between two tokens vanish when the lines are glued together.
pub(super) fn is_glue(gap: &[u8]) -> bool {
    let mut rest = gap;
    while let Some((&first, tail)) = rest.split_first() {
        rest = match first {
            FILLER => tail,
            b'\\' if tail.first() == Some(&b'\n') => tail.get(1..).unwrap_or_default(),
            _ => return false,
        };
    }
    gap.contains(&b'\n')
}

fn continuations(bytes: &mut [u8], escape: char) {
    let escape = if escape == '`' { b'`' } else { b'\\' };
    if !bytes.contains(&b'\n') {
        let end = bytes.trim_ascii_end().len();
        if end > 0 && bytes[end - 1] == escape && escape == b'\\' && !is_escaped(bytes, end - 1) {
            bytes[end - 1] = FILLER;
        }
        return;
    }
    let mut start = 0;
    let mut first = true;
    // Behind the last byte of real content, and the continuation that followed it.
    let mut dangling: Option<Range<usize>> = None;
    while start < bytes.len() {
        let end = bytes[start..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(bytes.len(), |n| start + n + 1);
        let line = &mut bytes[start..end];
        let content = line.trim_ascii_start();
        if !first && (content.is_empty() || content[0] == b'#') {
            line.fill(FILLER);
        } else {
            let kept = line.trim_ascii_end().len();
            let terminated = line.last() == Some(&b'\n');
            if kept > 0 && line[kept - 1] == escape {
                line[kept - 1..].fill(FILLER);
                let at = line.len();
                if terminated && at >= 2 {
                    line[at - 2] = b'\\';
                    line[at - 1] = b'\n';
                }
                dangling = Some(start + kept - 1..end);
            } else {
                // The line that ends the instruction; text behind it would be a second line to the shell.
                line[kept..].fill(FILLER);
                dangling = None;
            }
        }
        first = false;
        start = end;
    }
    if let Some(range) = dangling {
        bytes[range].fill(FILLER);
    }
}

/// Whether the backslash at `at` is itself escaped, so that it is no continuation.
fn is_escaped(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().take_while(|&&b| b == b'\\').count() % 2 == 1
}

/// Overwrites words that are an empty substitution: `` `# a comment` `` and ` `` `. People write
/// comments between continued lines that way, the shell makes nothing of them, and the grammar
/// cannot read them.
fn empty_substitutions(bytes: &mut [u8]) {
    if !bytes.windows(2).any(|pair| matches!(pair, b"`#" | b"``")) {
        return;
    }
    let ends_word =
        |b: Option<&u8>| b.is_none_or(|b| b.is_ascii_whitespace() || matches!(*b, FILLER | b'\\' | b';' | b'&' | b')'));
    let mut quote = 0u8;
    let mut i = 0;
    while i < bytes.len() {
        match (quote, bytes[i]) {
            (b'\'', b'\'') | (b'"', b'"') => quote = 0,
            (0, b @ (b'\'' | b'"')) => quote = b,
            (0 | b'"', b'\\') => i += 1,
            (0, b'`') => {
                let rest = bytes.get(i + 1..).unwrap_or_default();
                let Some(end) = rest.iter().position(|&b| b == b'`').map(|n| i + n + 1) else {
                    return;
                };
                let is_empty = end == i + 1 || bytes[i + 1] == b'#' && !bytes[i..end].contains(&b'\n');
                let begins_word = i == 0 || ends_word(bytes.get(i - 1));
                if is_empty && begins_word && ends_word(bytes.get(end + 1)) {
                    bytes[i..=end].fill(FILLER);
                }
                i = end;
            }
            _ => {}
        }
        i += 1;
    }
}

/// Overwrites each `<<NAME` that opens one of the heredocs and says where they were. One that is
/// not found gets an empty range at the end.
fn heredoc_operators(bytes: &mut [u8], heredocs: &[Heredoc]) -> Vec<Range<usize>> {
    let mut found = Vec::with_capacity(heredocs.len());
    let mut quote = 0u8;
    let mut i = 0;
    while i < bytes.len() && found.len() < heredocs.len() {
        let b = bytes[i];
        match (quote, b) {
            (b'\'', b'\'') | (b'"', b'"') => quote = 0,
            (0, b'\'' | b'"') => quote = b,
            (0 | b'"', b'\\') => i += 1,
            (0, b'<') if bytes.get(i + 1) == Some(&b'<') => {
                if bytes.get(i + 2) == Some(&b'<') {
                    i += 2;
                } else if let Some(end) = delimiter(bytes, i + 2, &heredocs[found.len()].name) {
                    let mut start = i;
                    while start > 0 && bytes[start - 1].is_ascii_digit() {
                        start -= 1;
                    }
                    if start > 0 && !bytes[start - 1].is_ascii_whitespace() && bytes[start - 1] != FILLER {
                        start = i;
                    }
                    bytes[start..end].fill(FILLER);
                    found.push(start..end);
                    i = end - 1;
                } else {
                    i += 1;
                }
            }
            _ => {}
        }
        i += 1;
    }
    found.resize(heredocs.len(), bytes.len()..bytes.len());
    found
}

/// Where the delimiter that begins at `at` (behind `<<`) ends, if it is `name` once unquoted.
fn delimiter(bytes: &[u8], mut at: usize, name: &str) -> Option<usize> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    while matches!(bytes.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    let mut rest = name.as_bytes();
    loop {
        match bytes.get(at) {
            Some(b'\'' | b'"' | b'\\') => {}
            Some(&b) if rest.first() == Some(&b) => rest = &rest[1..],
            _ => break,
        }
        at += 1;
    }
    rest.is_empty().then_some(at)
}

/// The span of `range` when the masked body begins at `base` in the file.
pub(super) fn span(base: usize, range: &Range<usize>) -> Span {
    Span::new(base + range.start, base + range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str, escape: char) -> String {
        let masked = instruction(body, escape, &[]);
        assert_eq!(masked.bytes.len(), body.len());
        String::from_utf8(masked.bytes).unwrap().replace('\u{b}', "~")
    }

    #[test]
    fn comments_and_blank_lines_vanish_in_place() {
        assert_eq!(shown("a \\\n  # no\n\n b", '\\'), "a \\\n~~~~~~~~ b");
        assert_eq!(shown("a `\r\n b", '`'), "a ~\\\n b");
        assert_eq!(shown("a\\ \t\nb", '\\'), "a~~\\\nb");
    }

    #[test]
    fn comments_in_backquotes_vanish() {
        assert_eq!(shown("a `# b` \\\n``\\\nc", '\\'), "a ~~~~~ \\\n~~\\\nc");
        assert_eq!(shown("a `b #` '`#`' x`#`", '\\'), "a `b #` '`#`' x`#`");
    }

    #[test]
    fn a_dangling_continuation_vanishes() {
        assert_eq!(shown("a \\\n# c", '\\'), "a ~~~~~");
        assert_eq!(shown("a \\", '\\'), "a ~");
        assert_eq!(shown("a \\\\", '\\'), "a \\\\");
    }
}
