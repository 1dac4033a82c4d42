//! Places as editors count them: lines from 0, and columns in the units that were agreed on.

use crate::source::Span;
use lsp_types::{Position, PositionEncodingKind, Range};

/// What a column counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units; what every client can do, and what holds where nothing was agreed on.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// The cheapest for us of what a client offers.
    pub fn choose(offered: Option<&[PositionEncodingKind]>) -> Encoding {
        let offers = |kind: &PositionEncodingKind| offered.is_some_and(|all| all.contains(kind));
        if offers(&PositionEncodingKind::UTF8) {
            Encoding::Utf8
        } else if offers(&PositionEncodingKind::UTF32) && !offers(&PositionEncodingKind::UTF16) {
            Encoding::Utf32
        } else {
            Encoding::Utf16
        }
    }

    /// Its name in the protocol.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn units(self, c: char) -> usize {
        match self {
            Encoding::Utf8 => c.len_utf8(),
            Encoding::Utf16 => c.len_utf16(),
            Encoding::Utf32 => 1,
        }
    }
}

/// Where lines begin, as the protocol has it: behind `\n`, `\r\n` and a lone `\r`.
#[derive(Debug, Clone)]
pub struct Index {
    starts: Vec<usize>,
    encoding: Encoding,
}

impl Index {
    /// Made for one text.
    pub fn new(text: &str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (i, byte) in bytes.iter().enumerate() {
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(i + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                starts.push(i + 1);
            }
        }
        Index { starts, encoding }
    }

    /// The byte that a position stands before. A column behind the line's end is its end, a line
    /// behind the last is the text's end.
    pub fn offset(&self, text: &str, position: Position) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(&start) = self.starts.get(line) else {
            return text.len();
        };
        let end = self.starts.get(line.saturating_add(1)).copied().unwrap_or(text.len());
        let line = text.get(start..end).unwrap_or_default().trim_end_matches(['\r', '\n']);
        let wanted = usize::try_from(position.character).unwrap_or(usize::MAX);
        let mut units = 0;
        for (at, c) in line.char_indices() {
            // A position within a character is moved before it.
            if units + self.encoding.units(c) > wanted {
                return start + at;
            }
            units += self.encoding.units(c);
        }
        start + line.len()
    }

    /// The position before a byte; within a character it is that before the character.
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let offset = offset.min(text.len());
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = text.get(start..).unwrap_or_default();
        let mut units = 0;
        for (at, c) in before.char_indices() {
            if start + at + c.len_utf8() > offset {
                break;
            }
            units += self.encoding.units(c);
        }
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position::new(number(line), number(units))
    }

    /// The range of a span.
    pub fn range(&self, text: &str, span: Span) -> Range {
        Range::new(self.position(text, span.start), self.position(text, span.end))
    }

    /// The span of a range.
    pub fn span(&self, text: &str, range: Range) -> Span {
        Span::new(self.offset(text, range.start), self.offset(text, range.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "FROM a\r\n# 🦀 größe\rX\n\n漢字 y";

    #[test]
    fn offsets_and_positions_are_each_others_reverse() {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let index = Index::new(TEXT, encoding);
            for offset in (0..=TEXT.len()).filter(|&o| TEXT.is_char_boundary(o)) {
                // Between \r and \n is no place of its own.
                if TEXT.as_bytes().get(offset) == Some(&b'\n') && offset > 0 && TEXT.as_bytes()[offset - 1] == b'\r' {
                    continue;
                }
                assert_eq!(
                    index.offset(TEXT, index.position(TEXT, offset)),
                    offset,
                    "{encoding:?} {offset}"
                );
            }
        }
    }

    #[test]
    fn an_emoji_is_two_units_and_a_lone_carriage_return_ends_a_line() {
        let index = Index::new(TEXT, Encoding::Utf16);
        let at = |words: &str| index.position(TEXT, TEXT.find(words).unwrap());
        assert_eq!(at("größe"), Position::new(1, 5));
        assert_eq!(at("X"), Position::new(2, 0));
        assert_eq!(at("y"), Position::new(4, 3));
        // In the middle of the emoji.
        assert_eq!(index.offset(TEXT, Position::new(1, 3)), TEXT.find('🦀').unwrap());
        assert_eq!(
            Index::new(TEXT, Encoding::Utf8).position(TEXT, TEXT.find("größe").unwrap()),
            Position::new(1, 7)
        );
    }

    #[test]
    fn what_lies_outside_is_the_end() {
        let index = Index::new("ab\r\nc", Encoding::Utf16);
        assert_eq!(index.offset("ab\r\nc", Position::new(0, 99)), 2);
        assert_eq!(index.offset("ab\r\nc", Position::new(9, 0)), 5);
        assert_eq!(index.offset("", Position::new(0, 0)), 0);
        assert_eq!(index.offset("ab\r\nc", Position::new(u32::MAX, u32::MAX)), 5);
    }

    #[test]
    fn the_cheapest_encoding_is_taken() {
        use PositionEncodingKind as K;
        assert_eq!(Encoding::choose(None), Encoding::Utf16);
        assert_eq!(Encoding::choose(Some(&[K::UTF16, K::UTF8])), Encoding::Utf8);
        assert_eq!(Encoding::choose(Some(&[K::UTF16, K::UTF32])), Encoding::Utf16);
        assert_eq!(Encoding::choose(Some(&[K::UTF32])), Encoding::Utf32);
    }
}
