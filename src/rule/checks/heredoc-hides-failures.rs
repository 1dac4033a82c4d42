//! A script in a heredoc goes on where a command fails.

use crate::edit::{Edit, Effect, Fix};
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::{Command, Link, Operator, Script, is_errexit};

/// See `rules/heredoc-hides-failures.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::Run { heredocs, .. } = &instruction.kind else {
            return;
        };
        let Some(run) = cx.facts.run(instruction) else { return };
        let script = &run.script;
        // A heredoc that is given to a command (`cat <<EOF`) is not the script itself.
        let [heredoc] = heredocs.as_slice() else { return };
        if heredoc.body != script.span || !script.dialect.is_posix_like() || script.has_error {
            return;
        }
        let body = cx.slice(heredoc.body);
        let first = body.lines().next().unwrap_or_default();
        let shebang = first.trim_start().starts_with("#!");
        if shebang && first.split_whitespace().skip(1).any(is_errexit) {
            return;
        }
        let Some(span) = first_hidden(script) else { return };
        let shell = cx.file.settings_at(instruction.index).shell.and_then(|s| s.value);
        if !shebang && shell.is_some_and(|words| words.iter().skip(1).any(|w| is_errexit(w))) {
            return;
        }
        let mut finding = Finding::new(span, "if this fails, the script goes on, and the RUN may succeed")
            .help("begin the script with `set -e`");
        if !shebang && !instruction.opaque {
            let indent: String = first.chars().take_while(|c| *c == ' ' || *c == '\t').collect();
            let end = if body.contains("\r\n") { "\r\n" } else { "\n" };
            let edit = Edit::insert(heredoc.body.start, format!("{indent}set -e{end}"));
            let fix = Fix::unsafe_("begin with `set -e`", vec![edit]).with_effects([Effect::Failure]);
            finding = finding.fix(fix);
        }
        cx.report(finding);
    }
}

/// The first command whose failure nobody sees: another one follows whatever becomes of it.
fn first_hidden(script: &Script) -> Option<crate::source::Span> {
    let mut either = false;
    for (index, link) in script.chain.iter().enumerate() {
        match link.operator {
            Some((Operator::OrIf, _)) => either = true,
            Some((Operator::AndIf, _)) => {}
            _ => either = false,
        }
        if script.link_commands(link).iter().any(decides_on_failures) {
            return None;
        }
        let next = script.chain.get(index + 1)?;
        let parted = matches!(next.operator, Some((Operator::Newline | Operator::Semicolon, _)));
        if parted && !either && can_fail(script, link) {
            return Some(link.span);
        }
    }
    None
}

fn can_fail(script: &Script, link: &Link) -> bool {
    const HARMLESS: &[&str] = &[
        ":", "true", "echo", "printf", "export", "readonly", "local", "set", "shopt", "unset", "umask", "trap",
        "alias", "cd", "exit",
    ];
    let (inner, own): (Vec<&Command>, Vec<&Command>) = script
        .link_commands(link)
        .iter()
        .partition(|command| command.place.in_substitution);
    let Some(last) = own.last() else { return false };
    link.is_simple
        && match last.name.text.as_str() {
            // `A=$(b)` fails as `b` does.
            "" => !inner.is_empty(),
            name => !HARMLESS.contains(&name),
        }
}

/// `set -e`; or `set +e`, whose author wants it so.
fn decides_on_failures(command: &Command) -> bool {
    let decides = |word: &str| word == "+e" || is_errexit(word);
    command.name.text == "set" && command.words.iter().any(|word| decides(&word.text))
}
