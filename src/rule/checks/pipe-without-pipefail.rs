//! A pipeline hides failures.

use crate::edit::{Effect, Fix};
use crate::model::Instruction;
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::shell::{Command, Dialect};

/// See `rules/pipe-without-pipefail.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Some(run) = cx.facts.run(instruction) else { return };
        let script = &run.script;
        if !script.dialect.is_posix_like() {
            return;
        }
        let Some(index) = script.commands.iter().position(starts_pipeline) else {
            return;
        };
        let Some(command) = script.commands.get(index) else {
            return;
        };
        // Read lazily: most files have few pipelines.
        let shell = cx.file.settings_at(instruction.index).shell.and_then(|s| s.value);
        if shell.is_some_and(|words| words.iter().any(|word| word.contains("pipefail"))) {
            return;
        }
        if script.commands.iter().take(index).any(sets_pipefail)
            || script.dialect == Dialect::Ash && cx.flag("accept-ash")
        {
            return;
        }
        let span = command.span;
        let mut finding = Finding::new(span, format!("if `{}` fails, the pipeline does not", name(command)))
            .help("let the shell run with `-o pipefail`, by SHELL or by `set -o pipefail`");
        if let Some(shell) = shell_with_pipefail(&script.dialect)
            && let Some(edit) = layout::shell_above(cx.file, instruction, &[shell, "-o", "pipefail", "-c"])
        {
            let fix = Fix::unsafe_("set the shell", vec![edit]).with_effects([Effect::Shell, Effect::Failure]);
            finding = finding.fix(fix.isolated("shell"));
        }
        cx.report(finding);
    }
}

fn name(command: &Command) -> &str {
    if command.name.text.is_empty() {
        "the first command"
    } else {
        command.base_name()
    }
}

/// Whether more than one command follows, joined by pipes. Scripts that another shell runs are its own.
fn starts_pipeline(command: &Command) -> bool {
    !command.place.nested && matches!(command.place.pipeline, Some((_, count)) if count > 1)
}

fn sets_pipefail(command: &Command) -> bool {
    command.name.text == "set" && command.words.iter().any(|word| word.text == "pipefail")
}

fn shell_with_pipefail(dialect: &Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Ash => Some("/bin/ash"),
        Dialect::Zsh => Some("/bin/zsh"),
        Dialect::Posix | Dialect::Dash | Dialect::Bash => Some("/bin/bash"),
        _ => None,
    }
}
