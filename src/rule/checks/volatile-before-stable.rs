//! Something that changes often stands before something slow that does not.

use crate::model::{Kind, Pair, Stage};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;
use crate::source::Span;

/// See `rules/volatile-before-stable.yaml`.
pub struct Rule;

/// Words in a variable's or label's name that say its value is another one in every build.
const VOLATILE: &[&str] = &[
    "COMMIT",
    "REVISION",
    "BUILD_DATE",
    "BUILD_TIME",
    "BUILD_NUMBER",
    "BUILD_ID",
    "GIT_SHA",
    "TIMESTAMP",
    "CACHEBUST",
    "CACHE_BUST",
];

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let Some(facts) = cx.facts.stage(stage.id) else { return };
        let mut volatile: Option<(Span, String)> = None;
        for instruction in cx.file.instructions_of(stage) {
            let name = match &instruction.kind {
                Kind::Arg(pairs) | Kind::Env(pairs) | Kind::Label(pairs) => pairs
                    .iter()
                    .find(|p| is_volatile(&p.key.value) && !is_pinned(p))
                    .map(|p| (p.span, p.key.value.as_str())),
                _ => None,
            };
            if volatile.is_none() && facts.broad_copies.contains(&instruction.index) {
                volatile = Some((instruction.span, "any change of the sources".to_owned()));
            }
            // A deliberate cache breaker stands where it is on purpose.
            if volatile.is_none()
                && let Some((span, name)) = name
                && !cx.slice(span).to_ascii_uppercase().contains("BUST")
            {
                volatile = Some((span, format!("`{name}`, another value in every build,")));
            }
            let Some((span, what)) = &volatile else { continue };
            for view in cx.facts.commands(instruction) {
                let system = view.operations.iter().find_map(|o| match o {
                    Operation::Packages(p)
                        if p.manager.is_system() && p.installs() && p.packages.iter().any(|p| !p.is_file) =>
                    {
                        Some(p)
                    }
                    _ => None,
                });
                if system.is_some() && !uses_sources(&view) {
                    let finding = Finding::new(view.command.span, format!("{what} makes these packages install again"))
                        .related(*span, "changes often")
                        .help("install system packages above what changes often");
                    cx.report(finding);
                    return;
                }
            }
        }
    }
}

fn is_volatile(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    VOLATILE.iter().any(|word| name.contains(word))
}

/// Whether the value is written in the file, and so changes only with it: a commit that is asked for, a
/// date. An ARG without default, or with a word such as `unknown`, waits for a value from outside.
fn is_pinned(pair: &Pair) -> bool {
    let Some(value) = &pair.value else { return false };
    let text = value.value.trim_matches(['"', '\'']);
    !text.contains('$') && text.bytes().any(|b| b.is_ascii_digit())
}

/// Whether the package list itself comes from the sources: `apt-get install $(cat packages.txt)`.
fn uses_sources(view: &crate::facts::CommandView<'_>) -> bool {
    view.words()
        .iter()
        .any(|word| word.text.contains("$(") || word.text.contains('`'))
}
