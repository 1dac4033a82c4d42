//! The image ships what it was built with.

use crate::facts::ship;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/single-stage-bloat.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let Some(stage) = cx.file.target() else { return };
        let Some(from) = cx.file.from_of(stage) else { return };
        let evidence = ship::bloat(cx.facts, stage);
        let Some(strong) = evidence.iter().find(|e| e.is_strong()) else {
            return;
        };
        if !ship::is_application(cx.facts, stage) {
            return;
        }
        let single = cx.file.stages.len() == 1;
        let what = if single { "the only stage" } else { "the final stage" };
        // A build's command is named, packages name themselves.
        let shown = if strong.needs_toolchain() {
            let words = cx.slice(strong.span).split_whitespace();
            let command: Vec<&str> = words
                .take_while(|w| !w.contains('`') && !w.starts_with(['-', '\\']))
                .take(3)
                .collect();
            format!("`{}` runs in it", command.join(" "))
        } else {
            strong.message.clone()
        };
        let mut finding = Finding::new(
            from.span,
            format!("{what} ships what the application was built with: {shown}"),
        )
        .help("build in a stage of its own (`FROM ... AS builder`) and copy only the result into the final one");
        for evidence in evidence.iter().take(6) {
            finding = finding.related(evidence.span, evidence.message.clone());
        }
        if evidence.len() > 6 {
            finding.primary.message = format!("and {} more", evidence.len() - 6);
        }
        cx.report(finding);
    }
}
