//! A label is set twice in one stage.

use crate::model::{Instruction, Kind, Stage};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use std::collections::HashMap;

/// See `rules/duplicate-label.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let mut last: HashMap<String, Span> = HashMap::new();
        let file = cx.file;
        let pairs = |i: &'_ Instruction| -> Vec<(String, Span)> {
            match &i.kind {
                Kind::Label(pairs) => pairs.iter().map(|p| (p.key.value.trim_matches(['"', '\'']).to_owned(), p.key.span)).collect(),
                _ => Vec::new(),
            }
        };
        for (key, span) in file.instructions_of(stage).iter().rev().flat_map(|i| pairs(i).into_iter().rev()) {
            if key.contains('$') {
                continue;
            }
            match last.get(&key) {
                Some(&later) => cx.report(
                    Finding::new(span, format!("the label `{key}` is set again below, and only that value stays"))
                        .related(later, "set again here")
                        .help("keep one of the two"),
                ),
                None => {
                    last.insert(key, span);
                }
            }
        }
    }
}
