//! apt is made for people.

use crate::edit::{Edit, Fix};
use crate::facts::CommandView;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/apt-command.yaml`.
pub struct Rule;

/// Sub-commands that mean the same to both.
const SHARED: &[&str] = &["install", "update", "remove", "purge", "autoremove", "clean", "build-dep", "source", "download"];

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        if view.name() != "apt" {
            return;
        }
        let span = view.name_span();
        let mut finding =
            Finding::new(span, "apt's command line is not stable").help("write `apt-get`, or `apt-cache` to search and show");
        let shared = view.arguments().next().is_some_and(|word| SHARED.contains(&word.text.as_str()));
        if shared && cx.slice(span) == "apt" {
            finding = finding.fix(Fix::safe("write `apt-get`", vec![Edit::replace(span, "apt-get")]));
        }
        cx.report(finding);
    }
}
