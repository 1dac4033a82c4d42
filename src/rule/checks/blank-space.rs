//! Blanks at the ends of lines, runs of blank lines, and a last line that does not end.

use crate::edit::{Edit, Fix};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;

/// See `rules/blank-space.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let file = cx.file;
        let text = file.source.text();
        let lines = file.source.lines();
        let mut inline = file.lines.instructions.iter().flat_map(|l| &l.heredocs).map(|h| h.body.to(h.terminator)).peekable();
        let mut blank_run = 0;
        for line in 1..=lines.count() {
            let span = lines.span(line);
            // Inline files are text of their own.
            while inline.next_if(|h| h.end <= span.start).is_some() {}
            if inline.peek().is_some_and(|h| h.start <= span.start) {
                continue;
            }
            let whole = text.get(span.range()).unwrap_or_default();
            let body = whole.trim_end_matches(['\n', '\r']);
            let kept = body.trim_end_matches([' ', '\t']);
            blank_run = if kept.is_empty() { blank_run + 1 } else { 0 };
            if kept.len() < body.len() {
                let blanks = Span::new(span.start + kept.len(), span.start + body.len());
                let fix = Fix::safe("remove the blanks", vec![Edit::delete(blanks)]);
                cx.report(Finding::new(blanks, "blanks stand at the end of the line").fix(fix));
            } else if blank_run > 2 {
                let fix = Fix::safe("remove the blank line", vec![Edit::delete(span)]);
                cx.report(Finding::new(span, "more than two blank lines follow each other").fix(fix));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            let last = text.char_indices().next_back().map_or(0, |(i, _)| i);
            let fix = Fix::safe("end the line", vec![Edit::insert(text.len(), "\n")]);
            cx.report(Finding::new(Span::new(last, text.len()), "the last line has no line ending").fix(fix));
        }
    }
}
