//! With its arguments' defaults, FROM names no image.

use crate::facts::defaults;
use crate::model::{Kind, reference};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::Word;

/// See `rules/from-default-invalid.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        for stage in &cx.file.stages {
            let Some(from) = cx.file.from_of(stage) else { continue };
            let Kind::From { image, .. } = &from.kind else { continue };
            let word = Word::new(image.text.as_str(), image.span);
            // `${NAME:?...}` says that there is no default: BuildKit asks no further, nor do we.
            let Some(name) = defaults::value(cx.file, &word, from.index) else { return };
            let Err(problem) = reference::check(&name) else { continue };
            if stage.parent().is_some() && !image.has_variables() {
                continue;
            }
            let finding = match (name.is_empty(), image.has_variables()) {
                (_, false) => Finding::new(image.span, format!("`{}` is no image name: {problem}", image.text)),
                (true, _) => Finding::new(image.span, format!("without build arguments `{}` is empty", image.text))
                    .help("give the ARG a default, or write `${NAME:?reason}` if there can be none"),
                (false, _) => Finding::new(image.span, format!("without build arguments `{}` becomes `{name}`, which is no image name", image.text))
                    .help("give each ARG in it a default above the first FROM"),
            };
            cx.report(finding);
        }
    }
}
