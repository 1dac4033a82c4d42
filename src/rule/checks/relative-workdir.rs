//! The first WORKDIR depends on the base image's.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::defaults;
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::expand;

/// See `rules/relative-workdir.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::Workdir(word) = &instruction.kind else { return };
        if cx.facts.in_onbuild(instruction) || cx.file.settings_at(instruction.index).workdir.is_some() {
            return;
        }
        let Some(path) = defaults::value(cx.file, word, instruction.index) else { return };
        let variables = !expand::references(word, cx.file.lines.escape).is_empty();
        if path.starts_with('/') || is_drive(&word.value) || (variables && instruction.stage.is_none()) {
            return;
        }
        let stage = instruction.stage.and_then(|id| cx.file.stage(id));
        let mut finding = Finding::new(word.span, format!("`{}` is relative to whatever directory the base image sets", word.value))
            .help("write the path from the root: `/...`");
        // On scratch the directory before is the root; elsewhere only the image knows.
        if stage.is_some_and(|s| s.from_scratch) && !variables && word.span.len() == word.value.len() && path == word.value {
            let clean = path.trim_start_matches("./");
            let edit = Edit::replace(word.span, format!("/{}", if clean == "." { "" } else { clean }));
            finding = finding.fix(Fix::unsafe_("begin at the root", vec![edit]).with_effects([Effect::Workdir]));
        }
        cx.report(finding);
    }
}

/// `C:\dir`, `"c:/dir"`.
fn is_drive(path: &str) -> bool {
    let mut bytes = path.trim_start_matches(['"', '\'']).bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.next() == Some(b':')
        && bytes.next().is_none_or(|b| matches!(b, b'\\' | b'/'))
}
