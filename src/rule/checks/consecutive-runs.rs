//! Two RUN instructions of one command each follow each other.

use crate::edit::{Effect, Fix};
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::shell::Command;

/// See `rules/consecutive-runs.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        if !is_single(cx, instruction) || cx.facts.in_onbuild(instruction) {
            return;
        }
        let Some(previous) = instruction.index.checked_sub(1).and_then(|i| cx.file.instructions.get(i)) else { return };
        let ships = cx.ships(instruction);
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
    let counts = |c: &&Command| !c.place.nested && !matches!(c.name.text.as_str(), "[" | "[[" | "true");
    cx.facts.run(instruction).is_some_and(|run| match run.script.dialect.is_posix_like() {
        true => run.script.commands.iter().filter(counts).count() <= 1,
        false => !cx.slice(instruction.arguments_span).contains(['&', ';', '|', '\n']),
    })
}

fn same_flags(cx: &Cx<'_>, one: &Instruction, other: &Instruction) -> bool {
    let texts = |i: &Instruction| i.flags.iter().map(|f| cx.slice(f.span).to_owned()).collect::<Vec<_>>();
    one.flags.len() == other.flags.len() && (one.flags.is_empty() || texts(one) == texts(other))
}

fn merged(cx: &Cx<'_>, previous: &Instruction, instruction: &Instruction) -> Option<Fix> {
    let (above, below) = (cx.facts.run(previous)?, cx.facts.run(instruction)?);
    let edit = layout::merge(cx.file, (previous, &above.script), (instruction, &below.script))?;
    Some(Fix::unsafe_("make it part of the RUN above", vec![edit]).with_effects([Effect::Layers]))
}
