//! The image ships what it was built with.

use crate::edit::Applicability;
use crate::facts::ship;
use crate::knowledge::{Kind as ImageKind, Role as ImageRole};
use crate::model::Stage;
use crate::plan::{self, Plan, Verdict};
use crate::rule::rewrite::offer;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;

/// See `rules/single-stage-bloat.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let Some(stage) = cx.file.target() else { return };
        let Some(from) = cx.file.from_of(stage) else { return };
        let evidence = ship::bloat(cx.facts, stage);
        let Some(strong) = evidence.iter().find(|e| e.is_strong()) else {
            return built_elsewhere(cx, stage);
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
        let stages = &cx.settings.settings().stages;
        if stages.rewrite {
            let plan = cx.plan();
            match plan.chosen() {
                Some(candidate) => finding = offer(cx, finding, candidate),
                None => finding.help = finding.help.map(|help| refused(&help, plan)),
            }
        }
        cx.report(finding);
    }
}

/// A stage of which nothing is known that only a build needs, but that the planner knows a smaller
/// one for: it only runs what another one built, or it installs what an interpreted program needs,
/// on an image that is made to build.
fn built_elsewhere(cx: &mut Cx<'_>, stage: &Stage) {
    let stages = &cx.settings.settings().stages;
    let Some(from) = cx.file.from_of(stage).filter(|_| stages.rewrite) else {
        return;
    };
    let base = plan::site::base_of(cx.file, stage);
    let is_kit = base.is_some_and(|b| b.image.role == ImageRole::Sdk && b.variant.kind != ImageKind::Slim);
    let own = || cx.file.instructions_of(stage).iter();
    let copies = own().any(|i| {
        i.transfer()
            .is_some_and(|t| t.from.as_ref().is_some_and(|(_, from)| from.stage().is_some()))
    });
    let is_full = base.is_some_and(|b| b.variant.kind == ImageKind::Full);
    let says = if copies {
        if !(is_kit || is_full) || stage.parent().is_some() {
            return;
        }
        let image = stage.image.as_ref().map_or("", |i| i.text.as_str());
        let what = if is_kit {
            "is made to build"
        } else {
            "holds more than it needs"
        };
        format!("the final stage runs on `{image}`, which {what}")
    } else {
        // What compiles as it starts needs no RUN for it.
        let is_sdk = base.is_some_and(|b| b.image.role == ImageRole::Sdk);
        let installs = |operation: &Operation| matches!(operation, Operation::Packages(p) if p.installs() && !p.manager.is_system());
        let fills = own().any(|i| cx.facts.run(i).is_some_and(|run| run.operations().iter().any(installs)));
        if !(fills || is_sdk) || !ship::is_application(cx.facts, stage) {
            return;
        }
        let what = if cx.file.stages.len() == 1 {
            "the only stage"
        } else {
            "the final stage"
        };
        format!("{what} ships more than run time needs")
    };
    let Some(candidate) = cx
        .plan()
        .chosen()
        .filter(|c| c.level > plan::Level::Order && (c.runtime.is_some() || !copies))
        // Of a full image `full-runtime-image` says what is not proven.
        .filter(|c| is_kit || !copies || c.applicability == Applicability::Safe)
    else {
        return;
    };
    let finding =
        Finding::new(from.span, says).help("install and build in a stage of its own, and run on a smaller image");
    let finding = offer(cx, finding, candidate);
    cx.report(finding);
}

/// What is said where no rewrite can be offered.
fn refused(help: &str, plan: &Plan) -> String {
    match &plan.verdict {
        Verdict::LeftAlone(reasons) => match reasons.first() {
            Some(reason) => format!("{help}; mbopt does not do it: {}", reason.says),
            None => help.to_owned(),
        },
        Verdict::Rewrite(_) => help.to_owned(),
    }
}
