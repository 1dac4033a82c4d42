//! The project has tests that no stage runs.

use crate::edit::{Effect, Fix};
use crate::plan::untested;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/tests-not-run.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let Some(untested) = untested::untested(cx.facts) else {
            return;
        };
        let Some(from) = cx.file.target().and_then(|stage| cx.file.from_of(stage)) else {
            return;
        };
        let command = &untested.command;
        let mut finding = Finding::new(from.span, format!("no stage runs the project's tests: `{command}`"));
        let options = crate::plan::Options::from(&cx.settings.settings().stages);
        let name = options.name("tester");
        finding = match untested::tester(cx.facts, &untested, name) {
            Some(edit) => finding
                .help(format!(
                    "a stage of their own runs them: docker build --target {name} ."
                ))
                .fix(Fix::unsafe_(format!("add the stage `{name}`"), vec![edit]).with_effects([Effect::Stages])),
            None => finding.help("build in a stage of its own, and test in one that is built on it"),
        };
        cx.report(finding);
    }
}
