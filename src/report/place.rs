//! Lines and columns of offsets, found without counting the same characters twice.

use crate::source::{SourceFile, Span};
use serde::Serialize;
use std::cell::Cell;

/// Where a span lies: lines and columns from 1, columns counted in characters, the end behind the
/// last character; and the same in bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
    pub start: usize,
    pub end: usize,
}

/// Turns offsets into places. Remembers the last one: findings come in order, and a line may be
/// megabytes long, so counting each column from the line's start would cost the square.
pub(crate) struct Locator<'a> {
    source: &'a SourceFile,
    /// Line, offset and column of the last answer.
    last: Cell<(usize, usize, usize)>,
}

impl<'a> Locator<'a> {
    pub(crate) fn new(source: &'a SourceFile) -> Self {
        Locator {
            source,
            last: Cell::new((1, 0, 1)),
        }
    }

    /// Line and column, from 1, of an offset; one outside the file counts as its end.
    pub(crate) fn line_column(&self, offset: usize) -> (usize, usize) {
        let text = self.source.text();
        let offset = floor_boundary(text, offset);
        let line = self.source.lines().line(offset);
        let start = self.source.lines().start(line);
        let count = |from: usize, to: usize| text.get(from..to).map_or(0, |s| s.chars().count());
        let (last_line, last_offset, last_column) = self.last.get();
        let column = if line != last_line || offset - start < last_offset.abs_diff(offset) {
            count(start, offset) + 1
        } else if offset >= last_offset {
            last_column + count(last_offset, offset)
        } else {
            last_column - count(offset, last_offset)
        };
        self.last.set((line, offset, column));
        (line, column)
    }

    /// The place of a span.
    pub(crate) fn place(&self, span: Span) -> Place {
        let (line, column) = self.line_column(span.start);
        let (end_line, end_column) = self.line_column(span.end);
        Place {
            line,
            column,
            end_line,
            end_column,
            start: span.start,
            end: span.end,
        }
    }
}

/// The largest character boundary at or before `offset`.
pub(crate) fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_counting_from_the_line_start_in_any_order() {
        let source = SourceFile::new("Dockerfile", "FROM a\r\n# größe 漢字 x\n\nRUN b");
        let text = source.text();
        let offsets: Vec<usize> = (0..=text.len()).filter(|&o| text.is_char_boundary(o)).collect();
        for step in 1..7 {
            let locator = Locator::new(&source);
            for i in 0..offsets.len() {
                let offset = offsets[(i * step) % offsets.len()];
                assert_eq!(
                    locator.line_column(offset),
                    source.line_column(offset),
                    "offset {offset}, step {step}"
                );
            }
        }
    }

    #[test]
    fn an_offset_outside_is_the_end() {
        let source = SourceFile::new("Dockerfile", "FROM a");
        assert_eq!(Locator::new(&source).line_column(99), (1, 7));
    }
}
