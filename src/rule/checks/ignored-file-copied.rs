//! A COPY takes what the ignore file leaves out.

use crate::context::Context;
use crate::facts::sources;
use crate::model::Instruction;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/ignored-file-copied.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Some(context) = cx.context else { return };
        let Some(ignore_file) = context.ignore_file().map(|f| f.path.clone()) else {
            return;
        };
        if cx.facts.in_onbuild(instruction) {
            return;
        }
        let found: Vec<_> = sources::of_context(instruction)
            .filter(|(_, path)| is_left_out(context, path))
            .collect();
        for (word, path) in found {
            cx.report(
                Finding::new(
                    word.span,
                    format!("`{path}` is not sent: `{ignore_file}` leaves it out"),
                )
                .help(format!(
                    "bring it back by a line `!{}` there, or copy something else",
                    path.trim_start_matches("./")
                )),
            );
        }
    }
}

/// Whether nothing of a source is sent. A source that is not there counts by its name alone: it may
/// be made before the build.
fn is_left_out(context: &Context, path: &str) -> bool {
    if path.contains('$') {
        return false;
    }
    if sources::is_whole(path) {
        return context.walk().files.is_empty() && !context.walk().capped;
    }
    if path.contains(['*', '?', '[', '\\']) {
        let all = crate::context::sources::expand(context.tree(), path);
        return !all.is_empty() && context.glob(path).is_empty();
    }
    match context.kind(path) {
        Some(_) => !context.is_sent(path) || is_folder_left_out(context, path),
        None => context.is_ignored(path) && context.ignore().prunes(path),
    }
}

/// A folder that a pattern leaves out, of which no file is brought back.
fn is_folder_left_out(context: &Context, path: &str) -> bool {
    if !context.is_ignored(path) {
        return false;
    }
    let prefix = format!("{}/", path.trim_start_matches("./").trim_matches('/'));
    let listing = context.walk();
    !listing.capped && !crate::facts::sources::below(&listing.files, &prefix).any(|_| true)
}
