//! Blank lines stand inside a continued instruction.

use crate::edit::{Edit, Fix};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;

/// See `rules/empty-continuation.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let file = cx.file;
        let lines = file.source.lines();
        for line in file.lines.instructions.iter().filter(|l| !l.empty_continuations.is_empty()) {
            // BuildKit names the line at which the instruction ends, and so do we; the blank lines
            // themselves are shown with it.
            let last = lines.span(line.text_end_line);
            let text = file.source.slice(last);
            let trimmed = text.trim();
            let start = last.start + (text.len() - text.trim_start().len());
            let place = if trimmed.is_empty() { last } else { Span::new(start, start + trimmed.len()) };
            let mut finding = Finding::new(place, "the instruction that ends here is continued over blank lines")
                .help("remove the blank lines, or make them comments: a later BuildKit will end the instruction there");
            for blank in line.empty_continuations.iter().take(5) {
                finding = finding.related(lines.span(lines.line(blank.start)), "a blank line");
            }
            let edits = line.empty_continuations.iter().map(|b| Edit::delete(lines.span(lines.line(b.start)))).collect();
            cx.report(finding.fix(Fix::safe("remove the blank lines", edits)));
        }
    }
}
