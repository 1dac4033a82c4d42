//! wget fills the log with its progress.

use crate::edit::{Edit, Fix};
use crate::facts::CommandView;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Dialect;

/// See `rules/wget-progress.yaml`.
pub struct Rule;

/// Options that keep the bar out of the log, or fetch nothing.
const QUIET: &[&str] = &[
    "-q",
    "--quiet",
    "-nv",
    "--no-verbose",
    "--progress",
    "-o",
    "--output-file",
    "-a",
    "--append-output",
    "-V",
    "--version",
    "--help",
];

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        if view.name() != "wget" || view.arguments().next().is_none() {
            return;
        }
        if view.options().any(|(option, _)| QUIET.contains(&option.as_ref())) {
            return;
        }
        let span = view.name_span();
        let mut finding = Finding::new(span, "wget prints its progress dot by dot").help("add `--progress=dot:giga`, or `-q`");
        let image = view.instruction.stage.and_then(|id| cx.file.stage(id)).and_then(|s| s.root_image.as_ref());
        let is_gnu = image.is_some_and(|image| !image.text.contains("alpine") && !image.text.contains("busybox"));
        if is_gnu && view.script.dialect != Dialect::Ash && !view.instruction.opaque {
            let edit = Edit::insert(span.end, " --progress=dot:giga");
            finding = finding.fix(Fix::unsafe_("add `--progress=dot:giga`", vec![edit]));
        }
        cx.report(finding);
    }
}
