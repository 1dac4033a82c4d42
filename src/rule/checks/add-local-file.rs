//! ADD copies plain files.

use crate::context::EntryKind;
use crate::edit::{Applicability, Edit, Fix};
use crate::facts::archives::{is_remote, may_be_tar};
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::Word;

/// See `rules/add-local-file.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::Add(transfer) = &instruction.kind else { return };
        if transfer.sources.is_empty() {
            return;
        }
        let only_add = ["checksum", "keep-git-dir", "unpack"]
            .iter()
            .any(|flag| instruction.flag(flag).is_some());
        let mut certain = true;
        for source in &transfer.sources {
            let written = source.value.trim_matches(['"', '\'']);
            let Some(value) = value_of(cx, source, instruction) else {
                return;
            };
            if [written, value.as_str()].iter().any(|s| is_remote(s) || may_be_tar(s)) || value.is_empty() {
                return;
            }
            certain &= !written.contains(['$', '*', '?', '[', '\\']) && is_plain(cx, written);
        }
        let mut finding = Finding::new(instruction.keyword_span, "ADD copies plain files")
            .help("use COPY, which neither fetches nor unpacks");
        if !only_add && !cx.file.is_opaque(instruction.index) {
            let upper = cx.slice(instruction.keyword_span).starts_with('A');
            let mut fix = Fix::safe(
                "use COPY",
                vec![Edit::replace(
                    instruction.keyword_span,
                    if upper { "COPY" } else { "copy" },
                )],
            );
            if !certain {
                fix.applicability = Applicability::Unsafe;
            }
            finding = finding.fix(fix);
        }
        cx.report(finding);
    }
}

/// Whether the name tells that it is no archive: a folder, or a file with an extension.
fn is_plain(cx: &Cx<'_>, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "" | "." | "..")
        || name.trim_start_matches('.').contains('.')
        || cx.context.and_then(|c| c.kind(path)) == Some(EntryKind::Dir)
}

/// The source with its variables put in; none where it begins with a variable that has no value,
/// and so could be a URL.
fn value_of(cx: &Cx<'_>, source: &Word, instruction: &Instruction) -> Option<String> {
    let written = source.value.trim_matches(['"', '\'']);
    if !written.contains('$') {
        return Some(written.to_owned());
    }
    let value = cx.file.expand(source, instruction.index).ok()?;
    (!written.starts_with('$') || value.unset.is_empty()).then_some(value.value)
}
