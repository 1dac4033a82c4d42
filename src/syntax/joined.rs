//! Text that BuildKit glues together from several physical lines, with the way back to the file.

use crate::source::Span;
use std::ops::Range;

/// The text of one logical line, its continuations, comments and blank lines taken out, as BuildKit
/// hands it to its splitters; each byte knows where it stands in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    text: String,
    /// `(offset in text, offset in file)` at each place where a new physical piece begins.
    pieces: Vec<(usize, usize)>,
    /// Whether a U+001A in the text can stand for a byte that is not UTF-8.
    masked: bool,
}

impl Joined {
    /// An empty text.
    pub fn new() -> Self {
        Joined::default()
    }

    /// Appends a piece that stands at `offset` in the file.
    pub fn push(&mut self, piece: &str, offset: usize) {
        if !piece.is_empty() || self.pieces.is_empty() {
            self.pieces.push((self.text.len(), offset));
            self.text.push_str(piece);
        }
    }

    /// Notes that U+001A in the text stands for a byte that is not UTF-8.
    pub(super) fn mark_masked(&mut self) {
        self.masked = true;
    }

    /// Whether U+001A in the text stands for a byte that is not UTF-8.
    pub fn is_masked(&self) -> bool {
        self.masked
    }

    /// The glued text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A part of the glued text; empty where the range is none of it.
    pub fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The physical pieces: each one's range in the glued text and its offset in the file.
    pub fn pieces(&self) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
        let ends = self
            .pieces
            .iter()
            .skip(1)
            .map(|&(start, _)| start)
            .chain(std::iter::once(self.text.len()));
        self.pieces
            .iter()
            .zip(ends)
            .map(|(&(start, file), end)| (start..end, file))
    }

    /// Where the glued byte at `at` stands in the file. The end of a piece maps to the beginning of
    /// the next one, the end of the text behind its last byte.
    pub fn offset(&self, at: usize) -> usize {
        let i = self.pieces.partition_point(|&(start, _)| start <= at).saturating_sub(1);
        self.pieces.get(i).map_or(0, |&(start, file)| file + (at - start))
    }

    /// The file's bytes that a range of the glued text covers, continuations in between included.
    /// The end is taken behind the last byte, so that it never jumps to the next line.
    pub fn span(&self, start: usize, end: usize) -> Span {
        if end <= start {
            return Span::at(self.offset(start));
        }
        Span::new(self.offset(start), self.offset(end - 1) + 1)
    }

    /// Whether the range lies in one physical piece, so that file and glued text are equal there.
    pub fn is_contiguous(&self, start: usize, end: usize) -> bool {
        end <= start || self.offset(end - 1) - self.offset(start) == end - 1 - start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_back_to_the_file() {
        let mut joined = Joined::new();
        joined.push("RUN a ", 10);
        joined.push("", 18);
        joined.push("b c", 30);
        assert_eq!(joined.text(), "RUN a b c");
        assert_eq!(
            (joined.offset(0), joined.offset(5), joined.offset(6), joined.offset(9)),
            (10, 15, 30, 33)
        );
        assert_eq!(joined.span(4, 6), Span::new(14, 16));
        assert_eq!(joined.span(4, 7), Span::new(14, 31));
        assert!(joined.is_contiguous(4, 6) && !joined.is_contiguous(4, 7));
        assert_eq!(joined.pieces().collect::<Vec<_>>(), [(0..6, 10), (6..9, 30)]);
    }
}
