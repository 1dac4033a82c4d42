//! Source text and places in it.

use std::ops::Range;

/// A half-open range of bytes in one source file: `start <= end`, both at most the file's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// A span from `start` to `end`; an inverted range becomes empty at `start`.
    pub fn new(start: usize, end: usize) -> Self {
        Span {
            start,
            end: end.max(start),
        }
    }

    /// An empty span: the place before the byte at `offset`.
    pub fn at(offset: usize) -> Self {
        Span {
            start: offset,
            end: offset,
        }
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether no byte is covered.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// Whether `other` lies within this span.
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The span as a range, for slicing.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// One file's bytes, a `str` view of the same length, and its line starts.
///
/// Bytes that are not UTF-8 are seen as U+001A, one character for each byte, so that every offset
/// in [`text`](Self::text) is an offset in [`bytes`](Self::bytes); edits are made on the bytes.
#[derive(Debug, Clone)]
pub struct SourceFile {
    name: String,
    text: String,
    /// Present only where the bytes are not UTF-8; otherwise they are the text's.
    raw: Option<Vec<u8>>,
    lines: LineIndex,
}

impl SourceFile {
    /// A file called `name` (the path as the user wrote it) with the given content.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let (text, raw) = match String::from_utf8(bytes.into()) {
            Ok(text) => (text, None),
            Err(error) => {
                let bytes = error.into_bytes();
                (mask_invalid(&bytes), Some(bytes))
            }
        };
        let lines = LineIndex::new(text.as_bytes());
        SourceFile {
            name: name.into(),
            text,
            raw,
            lines,
        }
    }

    /// The path as the user wrote it, or what stands for it (`-`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes as read.
    pub fn bytes(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }

    /// The text, offset for offset the same as the bytes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the bytes are valid UTF-8.
    pub fn is_utf8(&self) -> bool {
        self.raw.is_none()
    }

    /// The text under `span`; empty where the span does not lie on character boundaries.
    pub fn slice(&self, span: Span) -> &str {
        self.text().get(span.range()).unwrap_or_default()
    }

    /// Line starts, for turning offsets into lines and columns.
    pub fn lines(&self) -> &LineIndex {
        &self.lines
    }

    /// Line and column, both from 1, of a byte offset; columns count characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.line(offset);
        let start = self.lines.start(line);
        let column = self
            .text()
            .get(start..offset)
            .map_or(offset - start, |s| s.chars().count());
        (line, column + 1)
    }
}

/// Replaces each byte that is not part of valid UTF-8 by U+001A, keeping the length.
fn mask_invalid(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(std::iter::repeat_n('\u{1a}', chunk.invalid().len()));
    }
    out
}

/// Where each line begins. Lines end at `\n`, as BuildKit counts them; a lone `\r` ends no line.
#[derive(Debug, Clone)]
pub struct LineIndex {
    starts: Vec<usize>,
    len: usize,
}

impl LineIndex {
    fn new(bytes: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(
            bytes
                .iter()
                .enumerate()
                .filter(|(_, b)| **b == b'\n')
                .map(|(i, _)| i + 1),
        );
        LineIndex {
            starts,
            len: bytes.len(),
        }
    }

    /// Number of lines; a final newline does not begin another one.
    pub fn count(&self) -> usize {
        match self.starts.last() {
            Some(&last) if last == self.len && self.starts.len() > 1 => self.starts.len() - 1,
            _ => self.starts.len(),
        }
    }

    /// The line, from 1, that holds the byte offset.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&s| s <= offset)
    }

    /// Offset of a line's first byte; lines count from 1, one behind the last gives the file's length.
    pub fn start(&self, line: usize) -> usize {
        self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.len)
    }

    /// The whole line with its line ending; lines count from 1.
    pub fn span(&self, line: usize) -> Span {
        Span::new(self.start(line), self.start(line + 1))
    }
}
