//! USER with a group drops the user's other groups.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::CommandView;
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;

/// See `rules/user-with-group.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::User(word) = &instruction.kind else { return };
        let Some((user, group)) = word.value.split_once(':') else {
            return;
        };
        if user.is_empty() || word.span.len() != word.value.len() || word.value.contains(['$', '"', '\'']) {
            return;
        }
        let Some(stage) = instruction.stage.and_then(|id| cx.file.stage(id)) else {
            return;
        };
        let mut further = None;
        for earlier in cx
            .file
            .chain(stage)
            .flat_map(|s| cx.file.instructions_of(s))
            .filter(|i| i.index < instruction.index)
        {
            further = further.or_else(|| {
                cx.facts
                    .commands(earlier)
                    .find(|view| adds_groups(view, user))
                    .map(|view| view.command.span)
            });
        }
        let Some(further) = further else { return };
        let end = word.span.end;
        let fix = Fix::unsafe_(
            "leave the group out",
            vec![Edit::delete(Span::new(end - group.len() - 1, end))],
        );
        cx.report(
            Finding::new(word.span, format!("`{user}` loses its further groups here"))
                .related(further, "given here")
                .help(format!("write `USER {user}`"))
                .fix(fix.with_effects([Effect::User])),
        );
    }
}

fn adds_groups(view: &CommandView<'_>, user: &str) -> bool {
    let names = view.arguments().any(|w| w.text == user);
    names
        && match view.name() {
            "usermod" | "useradd" => view.has_option("-G") || view.has_option("--groups"),
            "adduser" | "addgroup" => view.arguments().count() == 2 && view.options().count() == 0,
            "gpasswd" => view.has_option("-a"),
            _ => false,
        }
}
