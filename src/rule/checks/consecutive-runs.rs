//! Two RUN instructions of one command each follow each other.

use crate::edit::{Edit, Effect, Fix};
use crate::model::{Form, Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::source::Span;

/// See `rules/consecutive-runs.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        if !is_single(cx, instruction) || cx.facts.in_onbuild(instruction) {
            return;
        }
        let Some(previous) = instruction.index.checked_sub(1).and_then(|i| cx.file.instructions.get(i)) else { return };
        let ships = instruction.stage.and_then(|id| cx.file.stage(id)).is_none_or(|stage| stage.ships);
        if !ships || !is_single(cx, previous) || !same_flags(cx, previous, instruction) {
            return;
        }
        let mut finding = Finding::new(instruction.keyword_span, "this RUN could be part of the one above it")
            .related(previous.keyword_span, "the RUN above")
            .help("chain the commands with `&&`, unless they are apart for the build cache");
        if let Some(fix) = merged(cx, previous, instruction) {
            finding = finding.fix(fix);
        }
        cx.report(finding);
    }
}

/// Whether it runs one command, and no heredoc.
fn is_single(cx: &Cx<'_>, instruction: &Instruction) -> bool {
    let Kind::Run { heredocs, .. } = &instruction.kind else { return false };
    if !heredocs.is_empty() {
        return false;
    }
    cx.facts.run(instruction).is_some_and(|run| run.script.commands.iter().filter(|c| !c.place.nested).count() <= 1)
}

fn same_flags(cx: &Cx<'_>, one: &Instruction, other: &Instruction) -> bool {
    let texts = |i: &Instruction| i.flags.iter().map(|f| cx.slice(f.span).to_owned()).collect::<Vec<_>>();
    one.flags.len() == other.flags.len() && (one.flags.is_empty() || texts(one) == texts(other))
}

fn merged(cx: &Cx<'_>, previous: &Instruction, instruction: &Instruction) -> Option<Fix> {
    let is_shell = |i: &Instruction| matches!(&i.kind, Kind::Run { form: Form::Shell(_), .. }) && !i.opaque;
    if !is_shell(previous) || !is_shell(instruction) {
        return None;
    }
    let (above, below) = (cx.facts.run(previous)?, cx.facts.run(instruction)?);
    if below.script.has_error || below.script.trailing_comment.is_some() {
        return None;
    }
    let keeps = above.script.commands.iter().all(|c| {
        !matches!(c.name.text.as_str(), "cd" | "export" | "set" | "." | "source" | "exec" | "exit" | "umask" | "")
    });
    let end = layout::end(cx.file, previous, &above.script)?;
    let start = below.script.chain.first()?.span.start;
    let between = cx.slice(Span::new(previous.span.end, instruction.span.start));
    if !keeps || !between.trim().is_empty() || end > start {
        return None;
    }
    let joint = format!(" && {}\n    ", cx.file.lines.escape);
    let edits = vec![Edit::replace(Span::new(end, start), joint)];
    Some(Fix::unsafe_("make it part of the RUN above", edits).with_effects([Effect::Layers]))
}
