//! A label is set twice in one stage.

use crate::edit::{Edit, Fix};
use crate::model::{Dockerfile, Instruction, Kind, Pair, Stage};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use std::collections::HashMap;

/// See `rules/duplicate-label.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let mut last: HashMap<String, Span> = HashMap::new();
        let file = cx.file;
        for instruction in file.instructions_of(stage).iter().rev() {
            let Kind::Label(pairs) = &instruction.kind else {
                continue;
            };
            for (index, pair) in pairs.iter().enumerate().rev() {
                let key = pair.key.value.trim_matches(['"', '\'']);
                if key.contains('$') {
                    continue;
                }
                let Some(&later) = last.get(key) else {
                    last.insert(key.to_owned(), pair.key.span);
                    continue;
                };
                let mut finding = Finding::new(
                    pair.key.span,
                    format!("the label `{key}` is set again below, and only that value stays"),
                )
                .related(later, "set again here")
                .help("keep one of the two");
                if let Some(edit) = without(file, instruction, pairs, index) {
                    finding = finding.fix(Fix::safe("take the first one out", vec![edit]));
                }
                cx.report(finding);
            }
        }
    }
}

/// The LABEL without one of its pairs, or no LABEL where it is the only one. None where a comment
/// stands between the pairs.
fn without(file: &Dockerfile, instruction: &Instruction, pairs: &[Pair], index: usize) -> Option<Edit> {
    let pair = pairs.get(index)?;
    let before = index.checked_sub(1).and_then(|i| pairs.get(i));
    let span = match (before, pairs.get(index + 1)) {
        (Some(before), _) => Span::new(before.span.end, pair.span.end),
        (None, Some(after)) => Span::new(pair.span.start, after.span.start),
        (None, None) => {
            let text = file.source.text();
            let end = text
                .get(instruction.span.end..)?
                .find('\n')
                .map(|at| instruction.span.end + at + 1);
            let start = text
                .get(..instruction.keyword_span.start)?
                .rfind('\n')
                .map_or(0, |at| at + 1);
            Span::new(start, end.unwrap_or(text.len()))
        }
    };
    let has_comment = file
        .source
        .slice(span)
        .lines()
        .any(|line| line.trim_start().starts_with('#'));
    (!has_comment).then(|| Edit::delete(span))
}
