//! BuildKit's splitting of an instruction's text into keyword, flags and arguments.
//!
//! Every function takes a range of a [`Joined`] text: the whole of it, or the arguments that a
//! former step left. Which splitter an instruction uses is the model's business.

use super::Joined;
use super::quote::quoted;
use crate::source::Span;
use std::ops::Range;

pub use super::json::{JsonError, json_words};

/// A piece of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What BuildKit's parser makes of it, before any variable is expanded. Quotes are still there
    /// where BuildKit keeps them for the expansion (see [`super::expand`]); JSON strings are decoded.
    pub value: String,
    /// Where it stands in the file, quotes included.
    pub span: Span,
}

impl Word {
    /// A word.
    pub fn new(value: impl Into<String>, span: Span) -> Self {
        Word {
            value: value.into(),
            span,
        }
    }

    /// The file's bytes under a range of the value. Only where the word stands in the file just as
    /// its value is; where quotes were taken off or a line is continued within it, the whole word.
    pub fn part(&self, range: Range<usize>) -> Span {
        if self.span.len() == self.value.len() && range.start <= range.end && range.end <= self.value.len() {
            Span::new(self.span.start + range.start, self.span.start + range.end)
        } else {
            self.span
        }
    }
}

/// An instruction cut into its keyword, its flags and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The keyword as written; empty on a line that holds nothing.
    pub keyword: Word,
    /// Words that begin with `--`, quotes and escapes taken off as BuildKit does.
    pub flags: Vec<Word>,
    /// What follows, without surrounding blanks; a range of the joined text.
    pub arguments: Range<usize>,
}

/// A pair of ENV or LABEL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPair {
    /// The name, quotes kept.
    pub key: Word,
    /// The value, quotes kept.
    pub value: Word,
    /// Written as `KEY value`.
    pub legacy: bool,
    /// Name and value.
    pub span: Span,
}

/// Arguments that BuildKit's parser refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WordError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// The blanks at which BuildKit cuts off the keyword and splits plain arguments.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// Blanks as BuildKit sees them where it looks at single bytes: those of Latin-1.
fn is_blank_byte(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0x85 | 0xa0)
}

/// The range without blanks (in Unicode's sense) at its ends; empty at its end if it is all blank.
fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

fn word(joined: &Joined, range: Range<usize>) -> Word {
    Word::new(joined.slice(range.clone()), joined.span(range.start, range.end))
}

/// Cuts off the keyword and the flags. `range` is the whole line, or the arguments of an ONBUILD.
pub fn split_instruction(joined: &Joined, range: Range<usize>, escape: char) -> Split {
    let text = joined.text();
    let line = trim(text, range);
    let part = joined.slice(line.clone());
    let keyword_end = line.start + part.find(is_blank).unwrap_or(part.len());
    let rest = joined.slice(keyword_end..line.end);
    let start = line.end - rest.trim_start_matches(is_blank).len();
    let (flags, arguments) = flags(joined, start..line.end, escape);
    Split {
        keyword: word(joined, line.start..keyword_end),
        flags,
        arguments: trim(text, arguments),
    }
}

/// Words at the beginning that start with `--`, and where the rest begins. A `--` alone ends them.
///
/// BuildKit goes through bytes here: each byte beyond ASCII becomes a character of Latin-1, and the
/// bytes 0x85 and 0xa0 are blanks even within a character.
fn flags(joined: &Joined, range: Range<usize>, escape: char) -> (Vec<Word>, Range<usize>) {
    let text = joined.text();
    let bytes = text.as_bytes().get(..range.end).unwrap_or_default();
    let mut words = Vec::new();
    let mut at = range.start;
    loop {
        while bytes.get(at).is_some_and(|&b| is_blank_byte(b)) {
            at += 1;
        }
        if !bytes.get(at..).is_some_and(|rest| rest.starts_with(b"--")) {
            return (words, boundary(text, at)..range.end);
        }
        let start = at;
        let mut value = String::new();
        let mut had_quotes = false;
        let mut quote = None;
        while let Some(&byte) = bytes.get(at) {
            if quote.is_none() && is_blank_byte(byte) {
                break;
            }
            at += 1;
            if quote == Some(byte) {
                quote = None;
            } else if quote.is_none() && matches!(byte, b'\'' | b'"') {
                quote = Some(byte);
                had_quotes = true;
            } else if char::from(byte) == escape {
                // At the very end it is dropped.
                if let Some(&escaped) = bytes.get(at) {
                    value.push(char::from(escaped));
                    at += 1;
                }
            } else {
                value.push(char::from(byte));
            }
        }
        if value == "--" {
            return (words, boundary(text, at)..range.end);
        }
        if had_quotes || !value.is_empty() {
            let span = joined.span(boundary_before(text, start), boundary(text, at));
            words.push(Word::new(value, span));
        }
    }
}

/// The next character boundary at or behind `at`.
fn boundary(text: &str, mut at: usize) -> usize {
    while at < text.len() && !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// The next character boundary at or before `at`.
fn boundary_before(text: &str, mut at: usize) -> usize {
    while at > 0 && !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The text as one word (USER, WORKDIR, STOPSIGNAL, MAINTAINER, shell form); none if it is empty.
pub fn whole(joined: &Joined, range: Range<usize>) -> Option<Word> {
    (!range.is_empty()).then(|| word(joined, range))
}

/// Splits at blanks, without regard to quotes (FROM, EXPOSE, COPY, ADD, VOLUME).
pub fn blank_words(joined: &Joined, range: Range<usize>) -> Vec<Word> {
    let text = joined.slice(range.clone());
    let mut words = Vec::new();
    let mut at = 0;
    for piece in text.split(is_blank) {
        if !piece.is_empty() {
            let start = range.start + at;
            words.push(word(joined, start..start + piece.len()));
        }
        // Each of the blanks is one byte long.
        at += piece.len() + 1;
    }
    words
}

/// Splits at blanks that are neither quoted nor escaped; quotes and escapes stay (ARG, ENV, LABEL).
/// An escape character at the very end is dropped from the value.
pub fn quoted_words(joined: &Joined, range: Range<usize>, escape: char) -> Vec<Word> {
    quoted_ranges(joined.slice(range.clone()), escape)
        .into_iter()
        .map(|(value, end)| {
            let (start, end) = (range.start + value.start, range.start + end);
            Word::new(joined.slice(start..range.start + value.end), joined.span(start, end))
        })
        .collect()
}

/// For each word the range of its value and where it ends, which is behind the value only where an
/// escape character at the end was dropped.
fn quoted_ranges(text: &str, escape: char) -> Vec<(Range<usize>, usize)> {
    let mut words = Vec::new();
    // Where the word begins, while in one.
    let mut start: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if let Some(start) = start.take() {
                words.push((start..at, at));
            }
            continue;
        }
        let first = *start.get_or_insert(at);
        if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '\'' | '"') {
            quote = Some(c);
        } else if c == escape && quote != Some('\'') && chars.next().is_none() {
            if at > first {
                words.push((first..at, text.len()));
            }
            return words;
        }
    }
    if let Some(start) = start {
        words.push((start..text.len(), text.len()));
    }
    words
}

/// The pairs of ENV or LABEL: `KEY=value ...`, or the old `KEY value`. No arguments, no pairs.
///
/// `keyword` is the name in the message.
pub fn pairs(joined: &Joined, range: Range<usize>, escape: char, keyword: &str) -> Result<Vec<RawPair>, WordError> {
    let text = joined.slice(range.clone());
    let words = quoted_ranges(text, escape);
    let Some((first, _)) = words.first() else {
        return Ok(Vec::new());
    };
    let piece = |piece: Range<usize>| word(joined, range.start + piece.start..range.start + piece.end);
    if !text.get(first.clone()).unwrap_or_default().contains('=') {
        let key_end = text.find(is_blank).unwrap_or(text.len());
        let value = text.get(key_end..).unwrap_or_default().trim_start_matches(is_blank);
        if key_end == text.len() {
            let message = format!("{keyword} must have two arguments");
            return Err(WordError {
                message,
                span: joined.span(range.start, range.end),
            });
        }
        let pair = RawPair {
            key: piece(0..key_end),
            value: piece(text.len() - value.len()..text.len()),
            legacy: true,
            span: joined.span(range.start, range.end),
        };
        return Ok(vec![pair]);
    }
    let mut pairs = Vec::with_capacity(words.len());
    for (value, end) in words {
        let span = joined.span(range.start + value.start, range.start + end);
        let whole = text.get(value.clone()).unwrap_or_default();
        let Some(equals) = whole.find('=') else {
            let message = format!(
                "Syntax error - can't find = in {}. Must be of the form: name=value",
                quoted(whole)
            );
            return Err(WordError { message, span });
        };
        let equals = value.start + equals;
        let mut word = piece(equals + 1..value.end);
        word.span.end = word.span.end.max(span.end);
        pairs.push(RawPair {
            key: piece(value.start..equals),
            value: word,
            legacy: false,
            span,
        });
    }
    Ok(pairs)
}

/// The first word of a HEALTHCHECK (`CMD` or `NONE`) and the range of what follows it.
pub fn health_type(joined: &Joined, range: Range<usize>) -> Option<(Word, Range<usize>)> {
    let text = joined.text();
    let bytes = text.as_bytes().get(range.clone()).unwrap_or_default();
    let len = bytes.iter().position(|&b| is_blank_byte(b)).unwrap_or(bytes.len());
    if len == 0 {
        return None;
    }
    let blanks = bytes.iter().skip(len).take_while(|&&b| is_blank_byte(b)).count();
    let kind = range.start..boundary_before(text, range.start + len).max(range.start);
    let rest = boundary(text, range.start + len + blanks)..range.end;
    Some((word(joined, kind), rest))
}

#[cfg(test)]
mod tests;
