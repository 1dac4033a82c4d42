//! The image says nothing about its health.

use crate::model::{Keyword, Stage};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/missing-healthcheck.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let has_check = |s: &Stage| cx.file.instructions_of(s).iter().any(|i| i.keyword == Keyword::Healthcheck);
        // A stage that another one is built on leaves it to that one.
        if cx.file.children(stage).next().is_some() || cx.file.chain(stage).any(has_check) {
            return;
        }
        if !cx.file.is_last(stage) && stage.reachable {
            return;
        }
        let Some(from) = cx.file.from_of(stage) else { return };
        cx.report(
            Finding::new(from.keyword_span, "the image has no HEALTHCHECK")
                .help("add `HEALTHCHECK CMD [...]`, or `HEALTHCHECK NONE` where the orchestrator checks"),
        );
    }
}
