//! The image runs as root, for want of a USER.

use crate::facts::{identity, ship};
use crate::model::Kind;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/no-user.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let Some(stage) = cx.file.target() else { return };
        if stage.from_scratch || cx.file.settings_of(stage).user.is_some() || crate::facts::windows::is_windows(stage) {
            return;
        }
        if identity::base_is_root(cx.facts, stage) != Some(true) || !ship::is_application(cx.facts, stage) {
            return;
        }
        let Some(from) = cx.file.from_of(stage) else { return };
        let span = match &from.kind {
            Kind::From { image, .. } => image.span,
            _ => from.keyword_span,
        };
        cx.report(
            Finding::new(
                span,
                "the image runs as root: the base starts as root, and no USER follows",
            )
            .help("end the stage with `USER <uid>`"),
        );
    }
}
