//! USER with a group drops the user's other groups.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::CommandView;
use crate::model::Kind;
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use std::collections::HashMap;

/// See `rules/user-with-group.yaml`.
pub struct Rule;

/// How many stages below are looked through.
const DEPTH: usize = 16;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let (file, facts) = (cx.file, cx.facts);
        let written = |i: &crate::model::Instruction| matches!(&i.kind, Kind::User(word) if word.value.contains(':'));
        if !file.instructions.iter().any(written) {
            return;
        }
        // By stage: users that were put into further groups, and where.
        let mut members: Vec<HashMap<String, Span>> = Vec::with_capacity(file.stages.len());
        for stage in &file.stages {
            let mut own: HashMap<String, Span> = HashMap::new();
            for instruction in file.instructions_of(stage) {
                for view in facts.commands(instruction) {
                    for user in joins_groups(&view) {
                        own.entry(user.to_owned()).or_insert(view.command.span);
                    }
                }
                let Kind::User(word) = &instruction.kind else { continue };
                let Some((user, group)) = word.value.split_once(':') else {
                    continue;
                };
                if word.span.len() != word.value.len() || word.value.contains(['$', '"', '\'']) {
                    continue;
                }
                let below = file
                    .chain(stage)
                    .skip(1)
                    .take(DEPTH)
                    .filter_map(|s| members.get(s.id.0));
                let Some(further) = std::iter::once(&own).chain(below).find_map(|m| m.get(user)).copied() else {
                    continue;
                };
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
            members.push(own);
        }
    }
}

/// The words of a command that puts users into groups, users among them.
fn joins_groups<'a>(view: &'a CommandView<'a>) -> impl Iterator<Item = &'a str> {
    let joins = match view.name() {
        "usermod" | "useradd" => view.has_option("-G") || view.has_option("--groups"),
        "adduser" | "addgroup" => view.arguments().count() == 2 && view.options().count() == 0,
        "gpasswd" => view.has_option("-a"),
        _ => false,
    };
    view.arguments().filter(move |_| joins).map(|w| w.text.as_str())
}
