//! A COPY takes private files into the image.

use crate::context::{Context, EntryKind};
use crate::facts::{private, sources};
use crate::model::Instruction;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/private-file-copied.yaml`.
pub struct Rule;

/// How many names a sentence lists.
const NAMED: usize = 3;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let found: Vec<_> = sources::of_context(instruction)
            .filter_map(|(word, path)| {
                let harmless = cx.context.is_some_and(|c| is_harmless(c, path));
                let text = match private::kind(path).filter(|_| !harmless) {
                    Some(kind) if cx.context.is_none_or(|c| !c.exists(path) || c.is_sent(path)) => {
                        format!("`{path}` is {kind}, and the image shows it")
                    }
                    Some(_) => return None,
                    None => inside(cx.context?, path)?,
                };
                Some((word.span, text))
            })
            .collect();
        for (span, text) in found {
            cx.report(Finding::new(span, text).help(
                "leave it out by `.dockerignore`; where a step needs it: `RUN --mount=type=secret,id=...,target=...`",
            ));
        }
    }
}

/// Private files in a folder that is copied.
fn inside(context: &Context, path: &str) -> Option<String> {
    let whole = sources::is_whole(path);
    if path.contains('$') || !whole && context.kind(path) != Some(EntryKind::Dir) {
        return None;
    }
    let folder = path.trim_start_matches("./").trim_matches('/');
    let prefix = if whole { String::new() } else { format!("{folder}/") };
    let private = context
        .walk()
        .files
        .iter()
        .map(|f| f.path.as_str())
        .filter(|p| p.starts_with(&prefix) && !is_dependency(p));
    let names: Vec<&str> = private
        .filter(|p| private::kind(p).is_some() && !is_harmless(context, p))
        .collect();
    let named: Vec<String> = names.iter().take(NAMED).map(|n| format!("`{n}`")).collect();
    let more = names.len().saturating_sub(NAMED);
    match (named.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(format!("this takes {} into the image", named.join(", "))),
        (false, more) => Some(format!(
            "this takes {} and {more} more private files into the image",
            named.join(", ")
        )),
    }
}

/// A file whose text shows that it holds settings only.
fn is_harmless(context: &Context, path: &str) -> bool {
    private::may_be_settings(path)
        && context
            .read_text(path)
            .is_some_and(|text| private::is_only_settings(&text))
}

/// Packages bring samples and settings of their own.
fn is_dependency(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "node_modules" | "vendor" | "site-packages" | ".git" | "testdata"))
}
