//! Nothing uses a stage, and it is not one that is built on purpose.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::Facts;
use crate::model::{Keyword, Kind, Stage};
use crate::plan::layout;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;
use crate::source::Span;

/// See `rules/unreachable-stage.yaml`.
pub struct Rule;

/// Words in the names of stages that people build with `--target`.
const ON_PURPOSE: [&str; 33] = [
    "artifact",
    "artifacts",
    "audit",
    "bench",
    "benchmark",
    "check",
    "ci",
    "coverage",
    "debug",
    "debugger",
    "dev",
    "devcontainer",
    "devel",
    "development",
    "doc",
    "docs",
    "e2e",
    "export",
    "format",
    "integration",
    "lint",
    "linter",
    "local",
    "prod",
    "production",
    "release",
    "spec",
    "staging",
    "test",
    "tester",
    "testing",
    "tests",
    "watch",
];

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        if stage.reachable || !stage.uses.is_empty() || is_on_purpose(cx, stage) || is_a_choice(cx, stage) {
            return;
        }
        // A file whose last stage is chosen among several of the same kind, as with `--target` for
        // each program of a repository, has a command in each.
        let has_command = cx
            .file
            .instructions_of(stage)
            .iter()
            .any(|i| matches!(i.keyword, Keyword::Cmd | Keyword::Entrypoint));
        if stage.name.is_some() && has_command {
            return;
        }
        let Some(from) = cx.file.from_of(stage) else { return };
        let what = stage
            .name
            .as_deref()
            .map_or_else(|| "this stage".to_owned(), |name| format!("the stage `{name}`"));
        let mut finding = Finding::new(
            stage.name_span.unwrap_or(from.keyword_span),
            format!("nothing takes anything from {what}"),
        )
        .help("remove it, or use it; a stage for `--target` may say so in its name (`test`, `dev`, ...)");
        if let Some(span) = whole(cx, stage) {
            let fix = Fix::unsafe_("remove the stage", vec![Edit::delete(span)]);
            finding = finding.fix(fix.with_effects([Effect::Stages]).isolated("stages"));
        }
        cx.report(finding);
    }
}

/// Whether another value of an argument may make a FROM mean it: `FROM ${VARIANT}`,
/// `FROM runtime-${SLIM}`.
fn is_a_choice(cx: &Cx<'_>, stage: &Stage) -> bool {
    let Some(name) = stage.name.as_deref() else {
        return false;
    };
    let name = name.to_lowercase();
    let froms = cx.file.stages.iter().filter_map(|s| cx.file.from_of(s));
    froms
        .filter_map(|from| match &from.kind {
            Kind::From { image, .. } if image.has_variables() => Some(image.text.to_lowercase()),
            _ => None,
        })
        .any(|written| {
            let (before, rest) = written.split_once('$').unwrap_or((&written, ""));
            let after = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once('}').map_or("", |(_, after)| after),
                None => rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'),
            };
            name.starts_with(before) && name.ends_with(after) && name.len() > before.len() + after.len()
        })
}

fn is_on_purpose(cx: &Cx<'_>, stage: &Stage) -> bool {
    let name = stage.name.as_deref().unwrap_or_default().to_lowercase();
    let extra = cx.list("targets");
    if extra.iter().any(|t| t.eq_ignore_ascii_case(&name)) {
        return true;
    }
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| ON_PURPOSE.binary_search(&word).is_ok())
        || tests(cx.facts, stage)
}

/// Whether it runs tests.
fn tests(facts: &Facts<'_>, stage: &Stage) -> bool {
    let runs = facts
        .file()
        .instructions_of(stage)
        .iter()
        .filter(|i| matches!(i.kind, Kind::Run { .. }));
    runs.filter_map(|i| facts.run(i))
        .any(|run| run.operations().iter().any(|o| matches!(o, Operation::Test(_))))
}

/// The stage's lines with the comments above its FROM, up to those above the next one; none where
/// numbers of other stages would move.
fn whole(cx: &Cx<'_>, stage: &Stage) -> Option<Span> {
    let numbered = cx
        .file
        .stages
        .iter()
        .any(|s| s.id > stage.id && s.uses.iter().any(|u| u.numbered));
    let lines = cx.file.source.lines();
    let from = cx.file.from_of(stage)?;
    let last = cx.file.instructions_of(stage).last().unwrap_or(from);
    let next = cx.file.stages.get(stage.id.0 + 1).and_then(|s| cx.file.from_of(s))?;
    // Comments at the top of the file are the file's, and stay.
    let start = match layout::start(cx.file, from) {
        0 => lines.start(lines.line(from.span.start)),
        start => start,
    };
    let end = lines.start(lines.line(last.span.end) + 1);
    // Blank lines behind it go too.
    let rest = cx.file.source.text().get(end..next.span.start)?;
    let blank: usize = rest
        .split_inclusive('\n')
        .take_while(|l| l.trim().is_empty())
        .map(str::len)
        .sum();
    (!numbered).then(|| Span::new(start, end + blank))
}
