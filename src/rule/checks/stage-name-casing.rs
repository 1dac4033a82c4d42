//! A stage's name has capitals.

use crate::edit::Fix;
use crate::facts::renaming;
use crate::model::Stage;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/stage-name-casing.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let (Some(name), Some(span)) = (stage.name.as_deref(), stage.name_span) else { return };
        let lower = name.to_lowercase();
        if name == lower {
            return;
        }
        let mut finding = Finding::new(span, format!("the stage name `{name}` has capitals")).help(format!("write `{lower}`"));
        if let Some(edits) = renaming::edits(cx.file, stage, &lower) {
            finding = finding.fix(Fix::safe(format!("call it `{lower}` everywhere"), edits));
        }
        cx.report(finding);
    }
}
