//! EXPOSE names a protocol in capitals.

use crate::edit::{Edit, Fix};
use crate::facts::defaults;
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/expose-protocol-casing.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::Expose(words) = &instruction.kind else { return };
        if cx.facts.in_onbuild(instruction) {
            return;
        }
        for word in words {
            let ports = defaults::values(cx.file, word, instruction.index).unwrap_or_default();
            let has_capitals = |port: &String| port.split_once('/').is_some_and(|(_, p)| p.chars().any(char::is_uppercase));
            let Some(port) = ports.iter().find(|p| has_capitals(p)) else { continue };
            let mut finding = Finding::new(word.span, format!("the protocol in `{port}` has capitals"))
                .help(format!("write `{}`", port.to_lowercase()));
            if let Some((before, protocol)) = word.value.rsplit_once('/')
                && protocol.bytes().all(|b| b.is_ascii_alphabetic())
            {
                let span = word.part(before.len() + 1..word.value.len());
                finding = finding.fix(Fix::safe("write the protocol in lower case", vec![Edit::replace(span, protocol.to_lowercase())]));
            }
            cx.report(finding);
        }
    }
}
