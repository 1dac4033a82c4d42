//! A COPY takes private files into the image.

use crate::context::{Context, EntryKind};
use crate::facts::{private, sources};
use crate::rule::{Cx, Finding, Inspect};
use std::collections::HashMap;

/// See `rules/private-file-copied.yaml`.
pub struct Rule;

/// How many names a sentence lists.
const NAMED: usize = 3;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let file = cx.file;
        // Each path is looked up once: folders may be large, and copied often.
        let mut known: HashMap<&str, Option<String>> = HashMap::new();
        for instruction in file.instructions.iter().map(|i| i.inner()) {
            for (word, path) in sources::of_context(instruction) {
                let found = known.entry(path).or_insert_with(|| judge(cx.context, path));
                if let Some(message) = found.clone() {
                    cx.report(Finding::new(word.span, message).help(
                        "leave it out by `.dockerignore`; where a step needs it: `RUN --mount=type=secret,id=...,target=...`",
                    ));
                }
            }
        }
    }
}

/// What is wrong with copying a path.
fn judge(context: Option<&Context>, path: &str) -> Option<String> {
    match private::kind(path) {
        // Every project with Yarn 2 copies it; only its text tells.
        Some(_) if path.ends_with(".yarnrc.yml") && context.is_none_or(|c| c.read_text(path).is_none()) => None,
        Some(kind) => {
            let left_out = context.is_some_and(|c| c.exists(path) && !c.is_sent(path) || is_harmless(c, path));
            (!left_out).then(|| format!("`{path}` is {kind}, and the image shows it"))
        }
        None => inside(context?, path),
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
    let private = sources::below(&context.walk().files, &prefix).filter(|p| !is_dependency(p));
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
