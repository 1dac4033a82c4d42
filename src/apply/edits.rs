//! Edits to bytes.

use crate::edit::Edit;
use crate::source::{SourceFile, Span};
use thiserror::Error;

/// Why edits cannot be made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EditError {
    /// A span ends behind the file's last byte, or cuts a character in two.
    #[error("an edit's span {}..{} does not fit the text", .0.start, .0.end)]
    OutOfText(Span),
    /// Two edits overlap.
    #[error("two edits overlap at byte {}", .0.start)]
    Overlap(Span),
}

/// How a file's lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnding {
    /// `\n`.
    Lf,
    /// `\r\n`.
    CrLf,
}

impl LineEnding {
    /// What most lines of the text end with.
    pub fn of(text: &str) -> Self {
        let all = text.bytes().filter(|b| *b == b'\n').count();
        let crlf = text.matches("\r\n").count();
        if crlf * 2 > all {
            LineEnding::CrLf
        } else {
            LineEnding::Lf
        }
    }
}

/// Checks that the edits fit the text and do not overlap.
///
/// # Errors
/// The first misfit.
pub fn check(edits: &[Edit], text: &str) -> Result<(), EditError> {
    let mut spans: Vec<Span> = edits.iter().map(|e| e.span).collect();
    spans.sort();
    for span in &spans {
        if text.get(span.range()).is_none() {
            return Err(EditError::OutOfText(*span));
        }
    }
    match spans.windows(2).find(|pair| pair[1].start < pair[0].end) {
        Some(pair) => Err(EditError::Overlap(pair[1])),
        None => Ok(()),
    }
}

/// The file's bytes with the edits made; line ends in new text become the file's own, and every
/// byte outside the edits stays as it is. Edits at the same place are made in the given order.
///
/// # Errors
/// If the edits do not fit the text or overlap.
pub fn apply_edits<'e>(source: &SourceFile, edits: impl Iterator<Item = &'e Edit>) -> Result<Vec<u8>, EditError> {
    let mut sorted: Vec<&Edit> = edits.collect();
    sorted.sort_by_key(|e| (e.span.start, e.span.end));
    let ending = LineEnding::of(source.text());
    let bytes = source.bytes();
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut done = 0;
    for edit in sorted {
        if source.text().get(edit.span.range()).is_none() {
            return Err(EditError::OutOfText(edit.span));
        }
        let kept = bytes.get(done..edit.span.start).ok_or(EditError::Overlap(edit.span))?;
        out.extend_from_slice(kept);
        match ending {
            LineEnding::Lf => out.extend_from_slice(edit.text.as_bytes()),
            LineEnding::CrLf => out.extend_from_slice(edit.text.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes()),
        }
        done = edit.span.end;
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str, edits: &[Edit]) -> Result<String, EditError> {
        let source = SourceFile::new("Dockerfile", text);
        apply_edits(&source, edits.iter()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn edits_are_made_in_the_order_of_the_text() {
        let edits = [
            Edit::insert(4, "!"),
            Edit::replace(Span::new(0, 1), "A"),
            Edit::delete(Span::new(2, 3)),
        ];
        assert_eq!(applied("abcdef", &edits).unwrap(), "Abd!ef");
    }

    #[test]
    fn new_lines_take_the_files_line_ending() {
        assert_eq!(
            applied("a\r\nb\r\n", &[Edit::insert(3, "x\ny\n")]).unwrap(),
            "a\r\nx\r\ny\r\nb\r\n"
        );
        assert_eq!(applied("a\nb\n", &[Edit::insert(2, "x\n")]).unwrap(), "a\nx\nb\n");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(
            applied("ab", &[Edit::delete(Span::new(1, 9))]),
            Err(EditError::OutOfText(Span::new(1, 9)))
        );
        let overlapping = [Edit::delete(Span::new(0, 2)), Edit::delete(Span::new(1, 2))];
        assert!(matches!(applied("ab", &overlapping), Err(EditError::Overlap(_))));
        assert!(applied("é", &[Edit::delete(Span::new(0, 1))]).is_err());
    }

    #[test]
    fn bytes_that_are_not_utf8_stay() {
        let source = SourceFile::new("Dockerfile", b"a\xffb".to_vec());
        let edit = Edit::replace(Span::new(2, 3), "c");
        assert_eq!(apply_edits(&source, [&edit].into_iter()).unwrap(), b"a\xffc");
    }
}
