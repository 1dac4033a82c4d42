//! FROM uses an argument that is not declared above it.

use crate::model::{Instruction, Kind, View, suggest};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use crate::syntax::{Word, expand};

/// See `rules/undefined-from-arg.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::From { image, platform, .. } = &instruction.kind else {
            return;
        };
        let view = cx.file.view_at(instruction.index);
        let name = Word::new(image.text.as_str(), image.span);
        for word in std::iter::once(&name).chain(platform) {
            let mut reported: Vec<String> = Vec::new();
            for reference in expand::references(word, cx.file.lines.escape) {
                let known = view.global(&reference.name).is_some() || reference.name == "TARGETSTAGE";
                if !known && !reported.contains(&reference.name) {
                    report(cx, view, &reference.name, word.part(reference.range));
                    reported.push(reference.name);
                }
            }
        }
    }
}

fn report(cx: &mut Cx<'_>, view: View<'_>, name: &str, span: Span) {
    let help = match suggest::closest(name, view.nearby()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("declare it above the first FROM: `ARG {name}=...`"),
    };
    cx.report(
        Finding::new(
            span,
            format!("FROM uses `{name}`, which no ARG above the first FROM declares"),
        )
        .help(help),
    );
}
