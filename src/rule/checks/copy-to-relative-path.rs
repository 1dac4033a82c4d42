//! COPY goes to a relative path, and no WORKDIR says relative to what.

use crate::edit::{Edit, Fix};
use crate::model::{Instruction, Keyword, Kind};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/copy-to-relative-path.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::Copy(transfer) = &instruction.kind else { return };
        let Some(word) = &transfer.destination else { return };
        let path = word.value.trim_matches(['"', '\'']);
        let drive = path.as_bytes().get(1) == Some(&b':') && path.starts_with(|c: char| c.is_ascii_alphabetic());
        if path.is_empty() || path.starts_with(['/', '\\', '$']) || drive || has_workdir(cx, instruction) {
            return;
        }
        let mut finding = Finding::new(word.span, format!("`{path}` is relative to whatever directory the base image sets"))
            .help("set a WORKDIR above, or write the path from the root");
        let stage = instruction.stage.and_then(|id| cx.file.stage(id));
        if stage.is_some_and(|s| s.from_scratch) && !path.starts_with('.') && !cx.facts.in_onbuild(instruction) {
            let written = cx.slice(word.span);
            let quotes = written.len() - written.trim_start_matches(['"', '\'']).len();
            let edit = Edit::insert(word.span.start + quotes, "/");
            finding = finding.fix(Fix::safe("write the path from the root", vec![edit]));
        }
        cx.report(finding);
    }
}

/// Whether a WORKDIR holds here: in this stage, one below, among the ONBUILDs, or in a file without FROM.
fn has_workdir(cx: &Cx<'_>, instruction: &Instruction) -> bool {
    if cx.file.settings_at(instruction.index).workdir.is_some() {
        return true;
    }
    let put_off = cx.facts.in_onbuild(instruction);
    if instruction.stage.is_some() && !put_off {
        return false;
    }
    let start = instruction.stage.and_then(|id| cx.file.stage(id)).map_or(0, |s| s.from);
    let before = cx.file.instructions.get(start..instruction.index).unwrap_or_default();
    before.iter().any(|i| {
        let is_put_off = i.keyword == Keyword::Onbuild;
        i.inner().keyword == Keyword::Workdir && is_put_off == put_off
    })
}
