//! The script goes on where cd fails.

use crate::edit::{Edit, Effect, Fix};
use crate::model::Instruction;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::{Command, Operator};
use crate::source::Span;

/// See `rules/cd-without-guard.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Some(run) = cx.facts.run(instruction) else { return };
        let script = &run.script;
        let mut found = None;
        for (index, pair) in script.chain.windows(2).enumerate() {
            let [link, next] = pair else { continue };
            let [command] = script.link_commands(link) else {
                continue;
            };
            if stops_at_failures(command) {
                return;
            }
            if command.name.text == "cd"
                && let Some((operator @ (Operator::Semicolon | Operator::Newline), at)) = next.operator
            {
                found = Some((index, command.span, operator, at));
                break;
            }
        }
        let Some((index, span, operator, at)) = found else {
            return;
        };
        let shell = cx.file.settings_at(instruction.index).shell.and_then(|s| s.value);
        if shell.is_some_and(|words| words.iter().skip(1).any(|w| is_errexit(w))) {
            return;
        }
        let mut finding =
            Finding::new(span, "if this fails, what follows runs in another directory").help("join it with `&&`");
        let chain = script.chain.get(index + 1..).unwrap_or_default();
        let plain = chain
            .iter()
            .all(|l| !matches!(l.operator, Some((Operator::OrIf | Operator::Background, _))));
        if operator == Operator::Semicolon && plain && !script.has_error && !instruction.opaque && cx.slice(at) == ";" {
            let spaced = cx
                .slice(Span::new(at.start.saturating_sub(1), at.start))
                .trim()
                .is_empty();
            let edit = Edit::replace(at, if spaced { "&&" } else { " &&" });
            finding = finding.fix(Fix::unsafe_("join it with `&&`", vec![edit]).with_effects([Effect::Failure]));
        }
        cx.report(finding);
    }
}

fn stops_at_failures(command: &Command) -> bool {
    command.name.text == "set" && command.words.iter().any(|w| is_errexit(&w.text))
}

fn is_errexit(word: &str) -> bool {
    word == "errexit" || word.starts_with('-') && !word.starts_with("--") && word.contains('e')
}
