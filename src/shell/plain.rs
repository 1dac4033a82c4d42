//! Commands that are nothing but words need no grammar: `npm ci`, `gcc -c src/a.c -o src/a.o`. Of a
//! Makefile's thousand recipes most are such.

use super::{Command, Place, ShellWord};
use crate::source::Span;

/// Words that are no command's name in front, or whose arguments the grammar reads as more than words.
const RESERVED: &[&str] = &[
    "case", "coproc", "declare", "do", "done", "elif", "else", "esac", "export", "fi", "for", "function", "if", "in",
    "local", "readonly", "select", "then", "time", "typeset", "unset", "unsetenv", "until", "while",
];

/// Whether a byte means itself wherever it stands in a name.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-')
}

/// Whether a byte means itself wherever it stands in an argument.
fn is_plain_argument(byte: u8) -> bool {
    is_plain(byte) || matches!(byte, b'+' | b':' | b',' | b'@' | b'=' | b'%')
}

/// The one command that a script of plain words is, as the grammar would read it; none where it may
/// be anything else.
pub(super) fn command(bytes: &[u8], base: usize, place: Place) -> Option<Command> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    if !text.bytes().all(|byte| is_plain_argument(byte) || byte == b' ') {
        return None;
    }
    let mut at = base;
    let mut words = text.split(' ').filter_map(|word| {
        let start = at;
        at += word.len() + 1;
        (!word.is_empty()).then(|| ShellWord::exact(word, Span::new(start, start + word.len())))
    });
    let name = words.next()?;
    if RESERVED.contains(&name.text.as_str()) || name.text.starts_with('-') || !name.text.bytes().all(is_plain) {
        return None;
    }
    let words: Vec<ShellWord> = words.collect();
    if words.iter().any(|word| word.text.starts_with('=')) {
        return None;
    }
    Some(Command {
        span: name.span.to(words.last().map_or(name.span, |word| word.span)),
        name,
        words,
        assignments: Vec::new(),
        redirects: Vec::new(),
        place,
    })
}
