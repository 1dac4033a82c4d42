//! `--platform=$TARGETPLATFORM` asks for the default.

use crate::edit::{Edit, Fix};
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use crate::syntax::expand;

/// See `rules/redundant-target-platform.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::From { platform: Some(word), .. } = &instruction.kind else { return };
        let references = expand::references(word, cx.file.lines.escape);
        let [reference] = references.as_slice() else { return };
        let plain = reference.range == (0..word.value.len()) && !matches!(reference.modifier, expand::Modifier::Alternative);
        if reference.name != "TARGETPLATFORM" || !plain {
            return;
        }
        let Some(flag) = instruction.flags.iter().find(|f| f.value.as_ref() == Some(word)) else { return };
        let mut finding = Finding::new(flag.span, format!("`{}` is what FROM does without it", cx.slice(flag.span)))
            .help("leave the flag out");
        // Somebody may have declared an ARG of that name with a platform of their own.
        if cx.file.globals.get("TARGETPLATFORM").is_none_or(|v| v.declared.is_none()) {
            let after = cx.file.source.text().get(flag.span.end..).unwrap_or_default();
            let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
            let gone = Span::new(flag.span.start, flag.span.end + blanks);
            finding = finding.fix(Fix::safe("remove the flag", vec![Edit::delete(gone)]));
        }
        cx.report(finding);
    }
}
