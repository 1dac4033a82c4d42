//! An archive is copied and then unpacked.

use crate::facts::archives::is_tar;
use crate::model::Kind;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;
use crate::source::Span;
use std::collections::HashMap;

/// See `rules/copied-archive-unpacked.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let (file, facts) = (cx.file, cx.facts);
        // Archives that the stage got so far: their names in the image, and the sources.
        let mut copied: HashMap<&str, Span> = HashMap::new();
        for instruction in &file.instructions {
            match &instruction.kind {
                Kind::From { .. } => copied.clear(),
                Kind::Copy(transfer) if transfer.from.is_none() => {
                    let target = transfer
                        .destination
                        .as_ref()
                        .map(|d| unquoted(&d.value))
                        .unwrap_or_default();
                    for source in &transfer.sources {
                        let path = unquoted(&source.value);
                        if is_tar(path) {
                            copied.insert(base_name(if is_tar(target) { target } else { path }), source.span);
                        }
                    }
                }
                Kind::Run { .. } if !copied.is_empty() => {
                    let operations = facts.run(instruction).map(|run| run.operations()).unwrap_or_default();
                    for operation in operations {
                        let Operation::Extract(extract) = operation else {
                            continue;
                        };
                        let Some(archive) = &extract.archive else { continue };
                        let name = base_name(&archive.text);
                        let Some(span) = copied.remove(name) else { continue };
                        let message =
                            format!("the archive `{name}` stays in the image beside what is unpacked from it");
                        cx.report(Finding::new(span, message).related(archive.span, "unpacked here").help(
                            "let ADD unpack it, or mount it into the step: `RUN --mount=type=bind,source=...,target=...`",
                        ));
                    }
                }
                _ => {}
            }
        }
    }
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
