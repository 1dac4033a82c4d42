//! Dependencies are installed after the sources were copied.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::dependencies::{self, DependencyInstall};
use crate::model::{Instruction, Kind, Stage};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;

/// See `rules/install-after-broad-copy.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let Some(facts) = cx.facts.stage(stage.id) else { return };
        let mut broad: Option<&Instruction> = None;
        for instruction in cx.file.instructions_of(stage) {
            if broad.is_none() && facts.broad_copies.contains(&instruction.index) {
                broad = Some(instruction);
            }
            let Some(copy) = broad else { continue };
            let Some(install) = dependencies::install_of(cx.facts, instruction) else {
                continue;
            };
            let manager = install.packages.manager.name();
            let mut finding = Finding::new(
                install.span,
                "dependencies are installed again whenever any copied file changes",
            )
            .related(copy.span, "copied before")
            .help(format!(
                "copy the manifests that {manager} reads, install, then copy the rest"
            ));
            if let Some(fix) = hoist(cx, copy, instruction, &install) {
                finding = finding.fix(fix);
            }
            cx.report(finding);
            return;
        }
    }
}

/// Moves the install above the copy, behind a copy of its inputs. Only where nothing but metadata
/// stands between the two, and the copy takes the context's root to the working directory.
fn hoist(cx: &Cx<'_>, copy: &Instruction, run: &Instruction, install: &DependencyInstall<'_>) -> Option<Fix> {
    let context = cx.context?;
    let Kind::Copy(transfer) = &copy.kind else { return None };
    let destination = transfer.destination.as_ref()?.value.trim_end_matches('/').to_owned();
    let workdir = cx.file.settings_at(copy.index).workdir.and_then(|w| w.value);
    let here = matches!(destination.as_str(), "." | "") || workdir.as_deref() == Some(destination.as_str());
    let root = matches!(transfer.sources.as_slice(), [source] if matches!(source.value.as_str(), "." | "./" | "*"));
    let between = cx.file.instructions.get(copy.index + 1..run.index)?;
    let commutes = between
        .iter()
        .all(|i| matches!(i.kind, Kind::Expose(_) | Kind::Label(_) | Kind::Cmd(_)));
    let run_is_plain = matches!(&run.kind, Kind::Run { mounts, .. } if mounts.is_empty());
    if !(here && root && commutes && install.is_alone && run_is_plain) || transfer.json {
        return None;
    }
    let inputs = dependencies::inputs(context, install.packages)?;
    if inputs.iter().any(|path| path.contains([' ', '"', '\\', '$', '*', '['])) {
        return None;
    }
    let flags: String = copy.flags.iter().map(|f| format!("{} ", cx.slice(f.span))).collect();
    let keyword = cx.slice(copy.keyword_span);
    let text = cx.slice(run.span);
    let moved = format!("{keyword} {flags}{} ./\n{text}\n", inputs.join(" "));
    let lines = cx.file.source.lines();
    let start = lines.start(lines.line(copy.span.start));
    let removed = Span::new(
        lines.start(lines.line(run.span.start)),
        lines.start(lines.line(run.span.end.max(1) - 1) + 1),
    );
    let edits = vec![Edit::insert(start, moved), Edit::delete(removed)];
    Some(
        Fix::unsafe_("install before the sources are copied", edits)
            .with_effects([Effect::Layers])
            .isolated("order"),
    )
}
