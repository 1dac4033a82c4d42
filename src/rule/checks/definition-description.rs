//! A comment above a stage or an argument does not begin with its name.

use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::suppress;

/// See `rules/definition-description.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let options = suppress::check_options(&cx.file.source, &cx.file.lines);
        let experimental = options.is_some_and(|options| {
            let mut names = options.experimental.iter();
            names.any(|name| name == "all" || name == "InvalidDefinitionDescription")
        });
        if !cx.flag("always") && !experimental {
            return;
        }
        for instruction in &cx.file.instructions {
            judge(cx, instruction);
        }
    }
}

fn judge(cx: &mut Cx<'_>, instruction: &Instruction) {
    let names: Vec<String> = match &instruction.kind {
        Kind::From { name: Some(name), .. } => vec![name.value.to_lowercase()],
        Kind::Arg(pairs) => pairs.iter().map(|p| p.key.value.clone()).collect(),
        _ => return,
    };
    let above = cx
        .file
        .lines
        .instructions
        .get(instruction.line)
        .and_then(|l| l.comments_above.last());
    let Some(comment) = above.and_then(|&i| cx.file.lines.comments.get(i)) else {
        return;
    };
    let first = comment.text.split(' ').next().unwrap_or_default();
    if names.iter().any(|name| name == first) {
        return;
    }
    let wanted = if let [name] = names.as_slice() {
        name.as_str()
    } else {
        "<name>"
    };
    cx.report(
        Finding::new(
            instruction.keyword_span,
            "the comment above does not begin with the name it describes",
        )
        .related(comment.span, "this comment")
        .help(format!(
            "write `# {wanted} ...`, or put an empty comment line between if it describes something else"
        )),
    );
}
