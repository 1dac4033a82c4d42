//! A comment silences findings although the project forbids it.

use crate::rule::suppression::Judged;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/inline-suppression.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn suppression(&self, cx: &mut Cx<'_>, judged: &Judged<'_>) {
        let suppression = judged.suppression;
        let finding = Finding::new(suppression.comment, "a comment in the file silences findings")
            .help("fix what is found, or silence the rule in the project's settings");
        cx.report(finding);
    }
}
