//! The whole context is copied, and nothing is ignored.

use crate::context::Context;
use crate::facts::{private, sources};
use crate::rule::{Cx, Finding, Inspect};
use std::collections::BTreeMap;

/// See `rules/missing-dockerignore.yaml`.
pub struct Rule;

/// Folders and files that no program needs in its image, at any depth.
const FOLDERS: [&str; 25] = [
    ".git",
    ".hg",
    ".svn",
    "node_modules",
    "bower_components",
    ".venv",
    "venv",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    "target",
    ".gradle",
    ".next",
    ".nuxt",
    ".turbo",
    ".terraform",
    ".idea",
    ".vscode",
    ".cache",
    "coverage",
    ".nyc_output",
    ".github",
];

/// How many names a sentence lists.
const NAMED: usize = 6;

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
        let found = ignorable(context);
        if found.is_empty() {
            return;
        }
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
        let lines: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        let what = if context.ignore_file().is_some() {
            "the ignore file is empty"
        } else {
            "there is no `.dockerignore`"
        };
        cx.report(
            Finding::new(span, format!("{what}, so this copies {}{rest}", named.join(", "))).help(format!(
                "write a `.dockerignore` with these lines: {}",
                lines.join(" | ")
            )),
        );
    }
}

fn has_pattern(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .any(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Ignore patterns and how much each would keep out, the largest first.
fn ignorable(context: &Context) -> Vec<(String, u64)> {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for file in &context.walk().files {
        let mut pattern = None;
        let mut at = 0;
        for part in file.path.split('/') {
            let end = at + part.len();
            let is_folder = end < file.path.len();
            if is_folder
                && FOLDERS.contains(&part)
                && is_ignorable(context, file.path.get(..at).unwrap_or_default(), part)
            {
                pattern = Some(if at == 0 { part.to_owned() } else { format!("**/{part}") });
                break;
            }
            at = end + 1;
        }
        if pattern.is_none() && private::kind(&file.path).is_some() {
            pattern = file.path.rsplit('/').next().map(|name| {
                if name.len() == file.path.len() {
                    name.to_owned()
                } else {
                    format!("**/{name}")
                }
            });
        }
        if let Some(pattern) = pattern {
            *found.entry(pattern).or_default() += file.size;
        }
    }
    let mut found: Vec<(String, u64)> = found.into_iter().collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found
}

/// `target` is Cargo's or Maven's only beside their manifests.
fn is_ignorable(context: &Context, parent: &str, name: &str) -> bool {
    name != "target"
        || ["Cargo.toml", "pom.xml", "build.sbt"]
            .iter()
            .any(|m| context.exists(&format!("{parent}{m}")))
}

fn size_text(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
