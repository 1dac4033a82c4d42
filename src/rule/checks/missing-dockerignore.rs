//! The whole context is copied, and nothing is ignored.

use crate::edit::{Effect, Fix};
use crate::facts::sources;
use crate::facts::unneeded::{self, Reason, Unneeded};
use crate::rule::{Cx, Finding, Inspect, Severity};

/// See `rules/missing-dockerignore.yaml`.
pub struct Rule;

/// How many names a sentence lists.
const NAMED: usize = 6;

/// The ignore file that a fix makes.
const PATH: &str = ".dockerignore";

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let Some(context) = cx.context else { return };
        if context.ignore_file().is_some_and(|file| has_pattern(&file.text)) {
            return;
        }
        let instructions = cx.file.instructions.iter().map(|i| i.inner());
        let Some(source) = instructions
            .flat_map(sources::of_context)
            .find(|(_, path)| sources::is_whole(path))
        else {
            return;
        };
        let span = source.0.span;
        let patterns = unneeded::list(cx.facts, context);
        // That the recipe is copied, too, is no reason to make an ignore file.
        let mut found: Vec<(&str, u64)> = patterns
            .iter()
            .filter(|p| p.reason != Reason::Recipe)
            .filter_map(|p| Some((p.pattern.as_str(), p.bytes?)))
            .collect();
        if found.is_empty() {
            return;
        }
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let named: Vec<String> = found
            .iter()
            .take(NAMED)
            .map(|(path, size)| format!("`{path}` ({})", size_text(*size)))
            .collect();
        let more = found.len().saturating_sub(NAMED);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let is_there = context.exists(PATH) || context.ignore_file().is_some();
        let what = if is_there {
            "the ignore file is empty"
        } else {
            "there is no `.dockerignore`"
        };
        let lines: Vec<&str> = patterns.iter().map(|p| p.pattern.as_str()).collect();
        let finding = Finding::new(span, format!("{what}, so this copies {}{rest}", named.join(", ")));
        // Caches alone cost a little space; the rest tells secrets or breaks builds.
        let finding = match patterns
            .iter()
            .all(|p| matches!(p.reason, Reason::Cache | Reason::Recipe))
        {
            true => finding.severity(Severity::Info),
            false => finding,
        };
        let finding = if is_there {
            finding.help(format!("write these lines into it: {}", lines.join(" | ")))
        } else {
            finding
                .help(format!(
                    "write a `.dockerignore` with these lines: {}",
                    lines.join(" | ")
                ))
                .fix(
                    Fix::create("create a `.dockerignore`", PATH, text(&patterns)).with_effects([
                        Effect::Files,
                        Effect::Leftovers,
                        Effect::Build,
                    ]),
                )
        };
        cx.report(finding);
    }
}

fn has_pattern(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .any(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The ignore file's text: a block for each reason.
fn text(patterns: &[Unneeded]) -> String {
    let mut out = String::new();
    for (reason, title) in [
        (Reason::History, "version control and editors"),
        (Reason::Made, "what the build makes itself"),
        (Reason::Cache, "what tools leave behind"),
        (Reason::Private, "private"),
        (Reason::Recipe, "what only builds the image"),
    ] {
        let own = (reason == Reason::Recipe).then_some(PATH);
        let lines = patterns.iter().filter(|p| p.reason == reason);
        let mut lines = own.into_iter().chain(lines.map(|p| p.pattern.as_str())).peekable();
        if lines.peek().is_some() {
            out.push_str(&format!("{}# {title}\n", if out.is_empty() { "" } else { "\n" }));
            lines.for_each(|line| out.push_str(&format!("{line}\n")));
        }
    }
    out
}

fn size_text(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
