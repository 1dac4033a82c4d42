//! Text that BuildKit glues together from several physical lines, with the way back to the file.

use crate::source::Span;

/// The text of one logical line, its continuations, comments and blank lines taken out, as BuildKit
/// hands it to its splitters; each byte knows where it stands in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    text: String,
    /// `(offset in text, offset in file)` at each place where a new physical piece begins.
    pieces: Vec<(usize, usize)>,
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

    /// The glued text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the glued byte at `at` stands in the file. The end of a piece maps behind its last byte.
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
