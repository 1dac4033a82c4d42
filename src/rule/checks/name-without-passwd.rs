//! A user's name stands where no file says who that is.

use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/name-without-passwd.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let word = match &instruction.kind {
            Kind::User(word) => Some(word),
            Kind::Copy(_) | Kind::Add(_) => instruction.flag("chown").and_then(|f| f.value.as_ref()),
            _ => None,
        };
        let Some(word) = word else { return };
        let Some(stage) = instruction
            .stage
            .and_then(|id| cx.file.stage(id))
            .filter(|s| s.from_scratch)
        else {
            return;
        };
        let Some(value) = cx.file.fixed_value(word, instruction.index) else {
            return;
        };
        let is_name = |part: &str| !part.is_empty() && part != "root" && !part.bytes().all(|b| b.is_ascii_digit());
        let Some(name) = value.split(':').find(|part| is_name(part)) else {
            return;
        };
        let known = cx.file.chain(stage).flat_map(|s| cx.file.instructions_of(s)).any(|i| {
            i.index < instruction.index
                && i.transfer().is_some_and(|t| {
                    let target = t
                        .destination
                        .as_ref()
                        .map(|d| d.value.trim_matches(['"', '\'']))
                        .unwrap_or_default();
                    t.sources.iter().any(|s| s.value.contains("etc"))
                        || matches!(target.trim_end_matches('/'), "" | "/etc" | "/etc/passwd" | "/etc/group")
                })
        });
        if !known {
            let message = format!("nothing in this stage says who `{name}` is");
            cx.report(
                Finding::new(word.span, message).help("write numbers, or copy `/etc/passwd` and `/etc/group` before"),
            );
        }
    }
}
