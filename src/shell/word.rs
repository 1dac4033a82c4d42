//! Words of a script.

use super::mask::FILLER;
use crate::source::Span;
use std::ops::Range;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellWord {
    /// Where it stands in the file, quotes included.
    pub span: Span,
    /// What the command gets as far as it can be told: quotes and escapes are taken off, expansions
    /// stay as they are written.
    pub text: String,
    /// Neither an expansion nor a pattern: `text` is exactly what the command gets.
    pub literal: bool,
    /// Holds an expansion: a variable, a substitution or arithmetic.
    pub expands: bool,
    /// Has quotes or escapes in it.
    pub quoted: bool,
    /// The variables it refers to, in order; those inside `$( )` belong to the commands in there.
    pub variables: Vec<Variable>,
}

/// A variable that a word refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name: `HOME`, `1`, `@`.
    pub name: String,
    /// The whole expansion: `$HOME`, `${HOME:-/root}`.
    pub span: Span,
    /// Inside double quotes.
    pub quoted: bool,
}

impl AsRef<str> for ShellWord {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl ShellWord {
    /// A word that is what it says.
    pub fn exact(text: &str, span: Span) -> Self {
        ShellWord {
            span,
            text: text.to_owned(),
            literal: true,
            expands: false,
            quoted: false,
            variables: Vec::new(),
        }
    }

    /// No word: empty, before the byte at `offset`.
    pub fn empty(offset: usize) -> Self {
        ShellWord::exact("", Span::at(offset))
    }

    /// Whether it is an option: begins with `-` and is not just that.
    pub fn is_flag(&self) -> bool {
        self.text.len() > 1 && self.text.starts_with('-')
    }

    /// Joins a word that continues this one on the next physical line.
    pub(super) fn join(&mut self, next: ShellWord) {
        self.span = self.span.to(next.span);
        self.text.push_str(&next.text);
        self.literal &= next.literal;
        self.expands |= next.expands;
        self.quoted |= next.quoted;
        self.variables.extend(next.variables);
    }
}

/// Makes a word of the bytes under `range`; `expansions` are those of its parts that the shell
/// replaces, in order and apart from each other. `lines_glued` says that a continuation is BuildKit's
/// and gone before the shell comes, even in single quotes.
pub(super) fn read(
    bytes: &[u8],
    base: usize,
    range: Range<usize>,
    expansions: &[Range<usize>],
    lines_glued: bool,
) -> ShellWord {
    let span = Span::new(base + range.start, base + range.end);
    let raw = bytes.get(range.clone()).unwrap_or_default();
    let plain = |b: &u8| {
        !matches!(
            b,
            b'\'' | b'"' | b'\\' | b'*' | b'?' | b'[' | b'{' | b'~' | b'$' | b'`' | &FILLER
        )
    };
    if expansions.is_empty() && (raw.iter().all(plain) || matches!(raw, b"[" | b"[[")) {
        return ShellWord::exact(std::str::from_utf8(raw).unwrap_or_default(), span);
    }
    let mut out = Unquoted {
        text: Vec::with_capacity(raw.len()),
        pattern: raw.first() == Some(&b'~'),
        quoted: false,
    };
    let mut state = State::Bare;
    let mut at = range.start;
    for expansion in expansions.iter().chain(std::iter::once(&(range.end..range.end))) {
        let piece = bytes.get(at..expansion.start.max(at)).unwrap_or_default();
        out.piece(piece, &mut state, lines_glued);
        let source = bytes.get(expansion.clone()).unwrap_or_default();
        out.text.extend(source.iter().filter(|&&b| b != FILLER));
        at = expansion.end.max(at);
    }
    ShellWord {
        span,
        text: String::from_utf8(out.text).unwrap_or_default(),
        literal: expansions.is_empty() && !out.pattern,
        expands: !expansions.is_empty(),
        quoted: out.quoted,
        variables: Vec::new(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Bare,
    Single,
    Double,
    /// `$'...'`
    Ansi,
}

struct Unquoted {
    text: Vec<u8>,
    pattern: bool,
    quoted: bool,
}

impl Unquoted {
    fn piece(&mut self, piece: &[u8], state: &mut State, lines_glued: bool) {
        let mut rest = piece;
        while let Some((&b, tail)) = rest.split_first() {
            rest = tail;
            let next = tail.first().copied();
            match (*state, b) {
                (_, FILLER) => {}
                (State::Single, b'\\') if !(lines_glued && next == Some(b'\n')) => self.text.push(b),
                (_, b'\\') if next == Some(b'\n') => rest = &tail[1..],
                (State::Bare, b'\'') => *state = self.open(State::Single),
                (State::Bare, b'"') => *state = self.open(State::Double),
                (State::Bare, b'$') if next == Some(b'\'') => {
                    *state = self.open(State::Ansi);
                    rest = &tail[1..];
                }
                (State::Bare, b'$') if next == Some(b'"') => {}
                (State::Single | State::Ansi, b'\'') | (State::Double, b'"') => *state = State::Bare,
                (State::Bare, b'\\') => {
                    self.quoted = true;
                    if let Some(next) = next {
                        self.text.push(next);
                        rest = &tail[1..];
                    }
                }
                (State::Double, b'\\') if matches!(next, Some(b'$' | b'`' | b'"' | b'\\')) => {
                    self.text.extend(next);
                    rest = &tail[1..];
                }
                (State::Ansi, b'\\') => {
                    self.text.push(match next {
                        Some(b'n') => b'\n',
                        Some(b't') => b'\t',
                        Some(b'r') => b'\r',
                        Some(b'\'' | b'"' | b'\\') => next.unwrap_or(b'\\'),
                        _ => {
                            self.text.push(b);
                            continue;
                        }
                    });
                    rest = &tail[1..];
                }
                (State::Bare, b'*' | b'?' | b'[') => {
                    self.pattern = true;
                    self.text.push(b);
                }
                (State::Bare, b'{') => {
                    // A short look ahead is enough, and keeps a run of braces linear.
                    let near = tail.get(..256).unwrap_or(tail);
                    let inside = near.split(|&b| b == b'}').next().unwrap_or_default();
                    self.pattern |=
                        inside.len() < near.len() && (inside.contains(&b',') || inside.windows(2).any(|w| w == b".."));
                    self.text.push(b);
                }
                _ => self.text.push(b),
            }
        }
    }

    fn open(&mut self, state: State) -> State {
        self.quoted = true;
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> String {
        read(raw.as_bytes(), 0, 0..raw.len(), &[], true).text
    }

    #[test]
    fn quotes_and_escapes_go() {
        assert_eq!(text(r#"a'b c'"d\"e"\ f"#), "ab cd\"e f");
        assert_eq!(text("a\\\nb"), "ab");
        assert_eq!(text("'a\\\nb\\c'"), "ab\\c");
        assert_eq!(text(r"$'a\n\x'"), "a\n\\x");
    }

    #[test]
    fn patterns_are_not_literal() {
        let literal = |raw: &str| read(raw.as_bytes(), 0, 0..raw.len(), &[], true).literal;
        assert!(!literal("/tmp/*") && !literal("a{b,c}") && !literal("~/x") && !literal("{1..3}"));
        assert!(literal("'*'") && literal("{}") && literal(r"\*") && literal("a~"));
    }

    #[test]
    fn expansions_stay_as_written() {
        let raw = r#"a"${B}\"c"$'d'"#;
        let word = read(raw.as_bytes(), 7, 0..raw.len(), std::slice::from_ref(&(2..6)), true);
        assert_eq!(
            (word.text.as_str(), word.expands, word.quoted),
            ("a${B}\"cd", true, true)
        );
        assert_eq!(word.span, Span::new(7, 7 + raw.len()));
    }
}
