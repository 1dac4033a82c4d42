//! The few lines that a finding shows. Only those are copied, cut to a window where they are
//! long, with everything hostile to a terminal made visible.

use super::escape::{is_hostile, stand_in};
use super::place::floor_boundary;
use crate::source::{SourceFile, Span};
use codespan_reporting::files::{Error, Files, Location};
use std::collections::BTreeSet;
use std::ops::Range;

/// Lines up to this many bytes are shown whole.
const WHOLE_LINE: usize = 240;
/// What is shown of a longer line, in bytes, the part before its first label included.
const WINDOW: usize = 160;
/// How much of a longer line is shown before its first label.
const LEAD: usize = 40;
/// Of a label over many lines, this many first and last lines can be shown.
const HEAD_LINES: usize = 3;
const TAIL_LINES: usize = 2;

/// One line of the excerpt.
struct Row {
    /// Its number in the file, from 1.
    number: usize,
    /// Where it stands in the excerpt's text, line ending included.
    range: Range<usize>,
    /// The bytes of the file that it shows.
    shown: Span,
    /// Where, in the excerpt's text, what is shown begins (behind the sign for a cut).
    begin: usize,
}

/// Some lines of a file, as codespan wants them.
pub(super) struct Excerpt<'a> {
    name: &'a str,
    source: &'a SourceFile,
    text: String,
    rows: Vec<Row>,
    /// Where the primary label begins in the file.
    location: (usize, usize),
}

impl<'a> Excerpt<'a> {
    /// The lines under `spans` (the primary label's first); `location` is the line and column of
    /// the primary one.
    pub(super) fn new(name: &'a str, source: &'a SourceFile, spans: &[Span], location: (usize, usize)) -> Self {
        let mut wanted = BTreeSet::new();
        for span in spans {
            let (first, last) = lines_of(source, trim(source, *span));
            if last - first < HEAD_LINES + TAIL_LINES + 1 {
                wanted.extend(first..=last);
            } else {
                wanted.extend(first..first + HEAD_LINES);
                wanted.extend(last + 1 - TAIL_LINES..=last);
            }
        }
        let mut excerpt = Excerpt {
            name,
            source,
            text: String::new(),
            rows: Vec::with_capacity(wanted.len()),
            location,
        };
        let mut previous: Option<usize> = None;
        for line in wanted {
            match previous.map_or(1, |p| line - p) {
                1 => {}
                2 => excerpt.push(line - 1, spans),
                // codespan sees a gap by the distance of indices; two empty rows make one.
                _ => {
                    excerpt.push_filler(line - 2);
                    excerpt.push_filler(line - 1);
                }
            }
            excerpt.push(line, spans);
            previous = Some(line);
        }
        excerpt
    }

    /// Where a span of the file lies in the excerpt.
    pub(super) fn range(&self, span: Span) -> Range<usize> {
        let span = trim(self.source, span);
        let start = self.offset(span.start);
        start..self.offset(span.end).max(start)
    }

    /// Where an offset of the file lies in the excerpt; what is not shown goes to the nearest edge.
    fn offset(&self, offset: usize) -> usize {
        let line = self.source.lines().line(offset);
        let at = self.rows.partition_point(|row| row.number < line);
        let Some(row) = self.rows.get(at).or(self.rows.last()) else {
            return 0;
        };
        let upto = floor_boundary(self.source.text(), offset.clamp(row.shown.start, row.shown.end));
        let before = self.source.slice(Span::new(row.shown.start, upto));
        row.begin + before.chars().map(|c| shown_as(c).len_utf8()).sum::<usize>()
    }

    fn push(&mut self, number: usize, spans: &[Span]) {
        let whole = self.source.lines().span(number);
        let text = self.source.slice(whole);
        let whole = Span::new(whole.start, whole.start + text.trim_end_matches(['\n', '\r']).len());
        let shown = if whole.len() <= WHOLE_LINE {
            whole
        } else {
            self.window(whole, spans)
        };
        let from = self.text.len();
        if shown.start > whole.start {
            self.text.push('…');
        }
        let begin = self.text.len();
        self.text.extend(self.source.slice(shown).chars().map(shown_as));
        if shown.end < whole.end {
            self.text.push('…');
        }
        self.text.push('\n');
        self.rows.push(Row {
            number,
            range: from..self.text.len(),
            shown,
            begin,
        });
    }

    fn push_filler(&mut self, number: usize) {
        let at = self.text.len();
        self.text.push('\n');
        let start = self.source.lines().start(number);
        self.rows.push(Row {
            number,
            range: at..at + 1,
            shown: Span::at(start),
            begin: at,
        });
    }

    /// The part of a long line around the first label on it that is given.
    fn window(&self, line: Span, spans: &[Span]) -> Span {
        let text = self.source.text();
        let focus = spans
            .iter()
            .flat_map(|span| [span.start, span.end])
            .find(|&o| line.start <= o && o <= line.end)
            .unwrap_or(line.start);
        let start = match focus - line.start {
            ahead if ahead <= LEAD => line.start,
            _ => floor_boundary(text, focus - LEAD),
        };
        let start = start
            .min(floor_boundary(text, line.end.saturating_sub(WINDOW)))
            .max(line.start);
        Span::new(start, floor_boundary(text, (start + WINDOW).min(line.end)))
    }
}

/// What a character of the file is shown as; a tab stays, codespan expands it.
fn shown_as(c: char) -> char {
    if c != '\t' && is_hostile(c) { stand_in(c) } else { c }
}

/// The span without line breaks and blanks at its end, so that words on one line are not drawn as
/// if they ran into the next; and within the file.
fn trim(source: &SourceFile, span: Span) -> Span {
    let text = source.text();
    let start = floor_boundary(text, span.start);
    let end = floor_boundary(text, span.end).max(start);
    let words = text.get(start..end).unwrap_or_default().trim_end();
    Span::new(start, start + words.len())
}

/// First and last line of a span, from 1.
fn lines_of(source: &SourceFile, span: Span) -> (usize, usize) {
    (source.lines().line(span.start), source.lines().line(span.end))
}

impl<'f> Files<'f> for Excerpt<'_> {
    type FileId = ();
    type Name = &'f str;
    type Source = &'f str;

    fn name(&'f self, _: ()) -> Result<&'f str, Error> {
        Ok(self.name)
    }

    fn source(&'f self, _: ()) -> Result<&'f str, Error> {
        Ok(&self.text)
    }

    fn line_index(&'f self, _: (), offset: usize) -> Result<usize, Error> {
        Ok(self
            .rows
            .partition_point(|row| row.range.start <= offset)
            .saturating_sub(1))
    }

    fn line_number(&'f self, _: (), index: usize) -> Result<usize, Error> {
        self.rows.get(index).map(|row| row.number).ok_or(Error::LineTooLarge {
            given: index,
            max: self.rows.len(),
        })
    }

    fn line_range(&'f self, _: (), index: usize) -> Result<Range<usize>, Error> {
        self.rows
            .get(index)
            .map(|row| row.range.clone())
            .ok_or(Error::LineTooLarge {
                given: index,
                max: self.rows.len(),
            })
    }

    fn location(&'f self, _: (), _: usize) -> Result<Location, Error> {
        let (line_number, column_number) = self.location;
        Ok(Location {
            line_number,
            column_number,
        })
    }
}
