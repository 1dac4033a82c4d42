//! An archive is copied and then unpacked.

use crate::facts::archives::is_tar;
use crate::model::{Kind, Stage};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;
use crate::source::Span;

/// See `rules/copied-archive-unpacked.yaml`.
pub struct Rule;

/// An archive that COPY put somewhere.
struct Copied {
    /// Its name in the image.
    name: String,
    span: Span,
}

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let (file, facts) = (cx.file, cx.facts);
        let mut copied: Vec<Copied> = Vec::new();
        for instruction in file.instructions_of(stage) {
            match &instruction.kind {
                Kind::Copy(transfer) if transfer.from.is_none() => {
                    let target = transfer
                        .destination
                        .as_ref()
                        .map(|d| d.value.trim_matches(['"', '\'']))
                        .unwrap_or_default();
                    for source in &transfer.sources {
                        let path = source.value.trim_matches(['"', '\'']);
                        if is_tar(path) {
                            let name = base_name(if is_tar(target) { target } else { path });
                            copied.push(Copied {
                                name: name.to_owned(),
                                span: source.span,
                            });
                        }
                    }
                }
                Kind::Run { .. } if !copied.is_empty() => {
                    let Some(run) = facts.run(instruction) else { continue };
                    for operation in run.operations() {
                        let Operation::Extract(extract) = operation else {
                            continue;
                        };
                        let Some(archive) = &extract.archive else { continue };
                        let Some(at) = copied.iter().position(|c| c.name == base_name(&archive.text)) else {
                            continue;
                        };
                        let found = copied.swap_remove(at);
                        cx.report(
                            Finding::new(found.span, format!("the archive `{}` stays in the image beside what is unpacked from it", found.name))
                                .related(archive.span, "unpacked here")
                                .help("let ADD unpack it, or mount it into the step: `RUN --mount=type=bind,source=...,target=...`"),
                        );
                    }
                }
                _ => {}
            }
        }
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
