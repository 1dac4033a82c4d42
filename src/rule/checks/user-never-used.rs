//! A user is created, and the image runs as root.

use crate::edit::{Edit, Effect, Fix};
use crate::model::Kind;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;

/// See `rules/user-never-used.yaml`.
pub struct Rule;

/// Programs that switch users when a container starts.
const SWITCHES: [&str; 9] = [
    "gosu",
    "su-exec",
    "setpriv",
    "runuser",
    "su ",
    "sudo",
    "s6-setuidgid",
    "chpst",
    "supervisor",
];

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let Some(stage) = cx.file.target() else { return };
        // A dev container's own settings name the user.
        if cx.file.settings_of(stage).user.is_some() || cx.file.source.name().contains(".devcontainer") {
            return;
        }
        let instructions = || cx.file.instructions_of(stage).iter();
        let mut created = None;
        for instruction in instructions() {
            let operations = cx
                .facts
                .run(instruction)
                .map(|run| run.operations())
                .unwrap_or_default();
            for operation in operations {
                if let Operation::UserAdd(user) = operation
                    && matches!(user.tool.as_str(), "useradd" | "adduser")
                    && let Some(name) = user.name.as_ref().filter(|n| n.literal)
                {
                    created = created.or(Some((name, instruction.index)));
                }
            }
        }
        let Some((name, index)) = created else { return };
        let starts = |i: &crate::model::Instruction| matches!(i.kind, Kind::Cmd(_) | Kind::Entrypoint(_));
        let Some(start) = instructions().find(|i| starts(i) && i.index > index) else {
            return;
        };
        let switches = instructions().any(|i| {
            let text = cx.slice(i.span);
            SWITCHES.iter().any(|program| text.contains(program)) || starts(i) && has_word(text, &name.text)
        });
        if switches {
            return;
        }
        let text = format!("USER {}\n", name.text);
        let fix = Fix::unsafe_(
            format!("run as `{}`", name.text),
            vec![Edit::insert(start.span.start, text)],
        );
        cx.report(
            Finding::new(
                name.span,
                format!("the user `{}` is created, but the image runs as root", name.text),
            )
            .help(format!("write `USER {}` before `{}`", name.text, start.keyword.name()))
            .fix(fix.with_effects([Effect::User])),
        );
    }
}

/// Whether the name stands in the text as a word of its own, not as a part of a path.
fn has_word(text: &str, name: &str) -> bool {
    text.split(['"', '\'', ' ', '=', ',', ':', '@', '\n'])
        .any(|word| word == name)
}
