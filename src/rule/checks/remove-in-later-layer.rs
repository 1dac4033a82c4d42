//! Files are removed in a later layer than they were made.

use crate::facts::leftovers;
use crate::model::{Instruction, Kind, Stage};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::operations::Action;
use crate::shell::{Operation, lies_in};
use crate::source::Span;
use std::collections::BTreeMap;

/// See `rules/remove-in-later-layer.yaml`.
pub struct Rule;

/// What earlier layers of a stage hold: absolute paths, and what brought them.
type Held = BTreeMap<String, Span>;

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        if !stage.ships {
            return;
        }
        let mut held = Held::new();
        for instruction in cx.file.instructions_of(stage) {
            if let Kind::Run { .. } = instruction.kind {
                run(cx, instruction, &mut held);
            } else if let Some(transfer) = instruction.transfer() {
                let Some(destination) = &transfer.destination else {
                    continue;
                };
                let Some(to) = absolute(cx, instruction, &destination.value) else {
                    continue;
                };
                for source in &transfer.sources {
                    let name = source
                        .value
                        .trim_end_matches('/')
                        .rsplit('/')
                        .next()
                        .unwrap_or_default();
                    let whole = !to.ends_with('/') && transfer.sources.len() == 1 && !destination.value.ends_with('.');
                    let path = if whole {
                        to.clone()
                    } else {
                        format!("{}/{name}", to.trim_end_matches('/'))
                    };
                    if is_plain(&path) {
                        held.insert(path, instruction.span);
                    }
                }
            }
        }
    }
}

/// Reports what a RUN removes of earlier layers, then notes what it brings itself.
fn run(cx: &mut Cx<'_>, instruction: &Instruction, held: &mut Held) {
    let facts = cx.facts;
    let mut found = Vec::new();
    let mut brought: Vec<(String, Span)> = Vec::new();
    for view in facts.commands(instruction) {
        if let Some(left) = leftovers::left_by(facts, &view)
            && left.folder.starts_with('/')
        {
            brought.push((left.folder.to_owned(), view.command.span));
        }
        for operation in view.operations {
            match operation {
                // Lists that are fetched again here are this layer's, and removed with it.
                Operation::Packages(p) if p.manager.is_apt() && p.action == Action::Update => {
                    held.remove("/var/lib/apt/lists");
                }
                Operation::Clean(clean) if !view.command.place.in_conditional => {
                    for word in clean.paths.iter().filter(|w| !w.expands) {
                        let text = word.text.trim_end_matches(['*', '/']);
                        let Some(path) = absolute(cx, instruction, text).filter(|p| p.len() > 1) else {
                            continue;
                        };
                        brought.retain(|(b, _)| !lies_in(b, &path));
                        let first = held.range(path.clone()..).next().filter(|(h, _)| lies_in(h, &path));
                        if let Some((file, span)) = first.map(|(file, span)| (file.clone(), *span)) {
                            held.remove(&file);
                            found.push((word.span, file, span));
                        }
                    }
                }
                Operation::Download(download) => {
                    if let Some(output) = download.output.as_ref().filter(|o| !o.expands)
                        && let Some(path) = absolute(cx, instruction, &output.text)
                        && !path.starts_with("/dev/")
                    {
                        brought.push((path, view.command.span));
                    }
                }
                _ => {}
            }
        }
    }
    for (span, file, origin) in found {
        cx.report(
            Finding::new(span, format!("`{file}` stays in the layer that brought it"))
                .related(origin, "brought in here")
                .help("remove it in the RUN that makes it, or get it by a bind mount or from a stage of its own"),
        );
    }
    held.extend(brought);
}

fn is_plain(path: &str) -> bool {
    !path.contains(['*', '?', '[', '$', '"', '\'']) && !path.contains("://")
}

/// The path, put behind the WORKDIR where it is relative and that is known.
fn absolute(cx: &Cx<'_>, instruction: &Instruction, path: &str) -> Option<String> {
    let path = path.trim_matches(['"', '\'']);
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    if path.is_empty() || path.starts_with(['.', '~', '$', '-']) {
        return None;
    }
    let workdir = cx.file.settings_at(instruction.index).workdir?.value?;
    Some(format!("{}/{path}", workdir.trim_end_matches('/')))
}
