//! The file builds nothing.

use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;

/// See `rules/no-stage.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        // That there is nothing at all is an error of the file itself.
        if !cx.file.stages.is_empty() || cx.file.instructions.is_empty() {
            return;
        }
        let text = cx.file.source.text();
        let start = text.len() - text.trim_start().len();
        let end = start
            + text
                .get(start..)
                .and_then(|t| t.lines().next())
                .map_or(0, |l| l.trim_end().len());
        cx.report(
            Finding::new(
                Span::new(start, end),
                "no FROM begins a stage, so there is nothing to build",
            )
            .help("begin with `FROM image:tag`"),
        );
    }
}
