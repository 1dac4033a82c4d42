//! COPY or ADD asks for a file that `.dockerignore` leaves out.

use crate::context::sources;
use crate::facts::defaults;
use crate::model::Instruction;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/copy-ignored-file.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let (Some(transfer), Some(context)) = (instruction.transfer(), cx.context) else { return };
        let Some(ignore_file) = context.ignore_file().filter(|_| transfer.from.is_none()) else { return };
        if cx.facts.in_onbuild(instruction) || context.ignore().is_empty() {
            return;
        }
        for source in &transfer.sources {
            let Some(text) = defaults::value(cx.file, source, instruction.index) else { continue };
            if text.contains("://") || text.starts_with("git@") {
                continue;
            }
            let Some(path) = sources::literal(&text).map(|p| sources::rooted(&p)) else { continue };
            let path = path.trim_start_matches('/');
            let is_root = matches!(path, "" | ".");
            let ignored = if is_root { context.ignore().matches("x") && !context.ignore().has_negations() } else { context.ignore().matches(path) };
            // A folder that is left out may have parts that a `!` pattern brings back.
            let gone = ignored && (is_root || !context.ignore().has_negations() || context.ignore().prunes(path));
            if !gone || (is_root && !leaves_everything_out(context)) {
                continue;
            }
            cx.report(
                Finding::new(source.span, format!("`{}` leaves `{}` out of the build context", ignore_file.path, source.value))
                    .help(format!("copy something else, or bring it back in `{}` with `!{path}`", ignore_file.path)),
            );
        }
    }
}

/// Whether a pattern takes all of the context away.
fn leaves_everything_out(context: &crate::context::Context) -> bool {
    context.ignore_file().is_some_and(|file| file.text.lines().any(|line| matches!(line.trim(), "*" | "**" | "**/*")))
}
