//! Several sources are copied to one file.

use crate::edit::{Edit, Fix};
use crate::model::Instruction;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/copy-many-to-file.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Some(transfer) = instruction.transfer() else { return };
        let Some(destination) = &transfer.destination else { return };
        let path = destination.value.trim_matches(['"', '\'']);
        let is_folder = path.ends_with(['/', '\\']) || matches!(path, "" | "." | "..") || path.contains('$');
        if transfer.sources.len() + transfer.inline.len() < 2 || is_folder {
            return;
        }
        let mut finding = Finding::new(destination.span, format!("`{path}` takes several files and must be a folder")).help("end it with `/`");
        // The slash goes inside the quotes, those of JSON included.
        let written = cx.slice(destination.span);
        let end = destination.span.start + written.trim_end_matches(['"', '\'']).len();
        if written.trim_matches(['"', '\'']) == path {
            finding = finding.fix(Fix::safe("end the destination with `/`", vec![Edit::insert(end, "/")]));
        }
        cx.report(finding);
    }
}
