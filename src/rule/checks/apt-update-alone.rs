//! apt-get update stands in a RUN of its own.

use crate::edit::{Effect, Fix};
use crate::model::Instruction;
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::shell::Operation;
use crate::shell::operations::{Action, Packages};

/// See `rules/apt-update-alone.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Some(run) = cx.facts.run(instruction) else { return };
        let mut update = None;
        for view in cx.facts.commands(instruction) {
            match view.operations.iter().find_map(packages) {
                Some(packages) if packages.action == Action::Update => update = update.or(packages.action_span),
                Some(packages) if matches!(packages.action, Action::Clean | Action::Configure) => {}
                // Any other program may install something.
                _ if !matches!(view.name(), "set" | "echo" | "export" | "true" | "rm" | "") => return,
                _ => {}
            }
        }
        let Some(update) = update else { return };
        let mut finding = Finding::new(update, "the lists that this fetches are cached, and soon out of date")
            .help("run it in the same RUN as `apt-get install`");
        if let Some(next) = cx.file.instructions.get(instruction.index + 1)
            && !cx.facts.in_onbuild(instruction)
            && next.stage == instruction.stage
            && next.flags.is_empty()
            && instruction.flags.is_empty()
            && let Some(installing) = cx.facts.run(next)
            && installing.operations().iter().filter_map(packages).any(Packages::installs)
            && let Some(edit) = layout::merge(cx.file, (instruction, &run.script), (next, &installing.script))
        {
            let fix = Fix::unsafe_("make it one RUN with the installation", vec![edit]);
            finding = finding.fix(fix.with_effects([Effect::Layers, Effect::Packages]));
        }
        cx.report(finding);
    }
}

/// apt's work.
fn packages(operation: &Operation) -> Option<&Packages> {
    match operation {
        Operation::Packages(packages) if packages.manager.is_apt() => Some(packages),
        _ => None,
    }
}
