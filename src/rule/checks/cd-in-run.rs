//! RUN changes the directory.

use crate::edit::{Edit, Effect, Fix};
use crate::model::{Form, Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::{Operator, Script};
use crate::source::Span;

/// See `rules/cd-in-run.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Some(run) = cx.facts.run(instruction) else { return };
        let is_cd = |c: &&crate::shell::Command| c.name.text == "cd" && !c.place.nested;
        let Some(command) = run.script.commands.iter().find(is_cd) else { return };
        let mut finding = Finding::new(command.span, "`cd` holds for this RUN only").help("set the directory with WORKDIR");
        if !cx.facts.in_onbuild(instruction)
            && let Some(fix) = by_workdir(cx, instruction, &run.script)
        {
            finding = finding.fix(fix);
        }
        cx.report(finding);
    }
}

/// Where the script begins with `cd /somewhere &&`.
fn by_workdir(cx: &Cx<'_>, instruction: &Instruction, script: &Script) -> Option<Fix> {
    let Kind::Run { form: Form::Shell(_), heredocs, .. } = &instruction.kind else { return None };
    let [first, second, ..] = script.chain.as_slice() else { return None };
    let [command] = script.link_commands(first) else { return None };
    let [directory] = command.words.as_slice() else { return None };
    let simple = heredocs.is_empty() && !script.has_error && !instruction.opaque && first.pipes.is_empty();
    let joined = matches!(second.operator, Some((Operator::AndIf, _)));
    let plain = directory.literal && !directory.quoted && directory.text.starts_with('/');
    if !simple || !joined || !plain || command.name.text != "cd" || !command.redirects.is_empty() {
        return None;
    }
    // What stands between may hold comments, which have to stay.
    let between = Span::new(first.span.end, second.span.start);
    if cx.slice(between).contains('#') {
        return None;
    }
    let keyword = cx.slice(instruction.keyword_span);
    let keyword = if keyword.chars().all(|c| c.is_ascii_lowercase()) { "workdir" } else { "WORKDIR" };
    let edits = vec![
        Edit::insert(instruction.keyword_span.start, format!("{keyword} {}\n", directory.text)),
        Edit::delete(Span::new(first.span.start, second.span.start)),
    ];
    Some(Fix::unsafe_("set the directory with WORKDIR", edits).with_effects([Effect::Workdir]))
}
