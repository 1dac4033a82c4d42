//! String literals that may be paths.

use super::Language;
use crate::plan::evidence::Evidence;

/// A path that sources name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Relative to the context's root; that of a folder ends with `/`.
    pub path: String,
    /// It is in the context.
    pub exists: bool,
    /// Where.
    pub evidence: Evidence,
}

/// Longer literals are no paths, in bytes.
const LONGEST: usize = 160;

/// The short string literals of a text that could be a path or a module's name, with their lines.
/// Comments are not told apart: an apostrophe in one can hide a literal behind it on its line only.
pub fn literals(text: &str, language: Language, out: &mut Vec<(String, usize)>) {
    for (row, line) in text.split('\n').enumerate() {
        let trimmed = line.trim_start();
        let comment = match language {
            Language::Python | Language::Ruby => trimmed.starts_with('#'),
            Language::JavaScript | Language::Php => trimmed.starts_with("//") || trimmed.starts_with("* "),
        };
        if comment {
            continue;
        }
        let mut rest = line;
        let is_quote = |b: &u8| matches!(b, b'"' | b'\'' | b'`');
        while let Some(open) = rest.as_bytes().iter().position(&is_quote) {
            let quote = rest.as_bytes().get(open).copied().unwrap_or(b'"');
            let behind = rest.get(open + 1..).unwrap_or_default();
            let Some(close) = behind.as_bytes().iter().position(|b| *b == quote) else {
                break;
            };
            let inner = behind.get(..close).unwrap_or_default();
            if is_candidate(inner) {
                out.push((inner.to_owned(), row + 1));
            }
            rest = behind.get(close + 1..).unwrap_or_default();
        }
    }
}

fn is_candidate(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && !text.contains("://")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b'@' | b'*' | b'+'))
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}
