//! sudo is used in a build step.

use crate::edit::{Applicability, Edit, Fix};
use crate::facts::{CommandView, identity};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;

/// See `rules/sudo-in-build.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let Some(sudo) = view.wrappers().find(|w| is_sudo(&w.text)) else {
            if is_sudo(view.name()) {
                cx.report(
                    Finding::new(view.name_span(), "`sudo` in a build step").help("write `USER root` before the step"),
                );
            }
            return;
        };
        let root = identity::runs_as_root(cx.facts, view.instruction);
        let help = match root {
            Some(false) => "write `USER root` before the step, and switch back behind it",
            _ => "leave it out: the step runs as root",
        };
        let mut finding = Finding::new(sudo.span, "`sudo` in a build step").help(help);
        if root != Some(false)
            && !cx.facts.in_onbuild(view.instruction)
            && let Some((span, plain)) = removable(view, sudo.span)
        {
            let mut fix = Fix::safe("run it without `sudo`", vec![Edit::delete(span)]);
            if root.is_none() || !plain {
                fix.applicability = Applicability::Unsafe;
            }
            finding = finding.fix(fix);
        }
        cx.report(finding);
    }
}

fn is_sudo(word: &str) -> bool {
    word.rsplit('/').next() == Some("sudo")
}

/// From sudo to the word it runs, if its options ask for nothing that would be lost; and whether it
/// has none.
fn removable(view: &CommandView<'_>, sudo: Span) -> Option<(Span, bool)> {
    let name = view.name_span();
    let words = std::iter::once(&view.command.name).chain(&view.command.words);
    let between: Vec<_> = words
        .filter(|w| w.span.start > sudo.start && w.span.start < name.start)
        .collect();
    let mut end = name.start;
    let mut plain = true;
    for word in &between {
        match word.text.as_str() {
            "-E" | "-H" | "-n" | "-EH" | "-HE" => plain = false,
            "--" => {}
            // Another wrapper, or a variable for the command: what stands from here on is kept.
            text if !text.starts_with('-') => {
                end = word.span.start;
                break;
            }
            _ => return None,
        }
    }
    Some((Span::new(sudo.start, end), plain))
}
