//! ENV uses a variable that the same ENV defines.

use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::expand;
use std::collections::HashMap;

/// See `rules/env-refers-itself.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::Env(pairs) = &instruction.kind else { return };
        if pairs.len() < 2 {
            return;
        }
        let mut times: HashMap<&str, usize> = HashMap::new();
        for pair in pairs {
            *times.entry(pair.key.value.as_str()).or_default() += 1;
        }
        let view = cx.file.view_at(instruction.index);
        for pair in pairs {
            let Some(value) = &pair.value else { continue };
            let own = pair.key.value.as_str();
            for reference in expand::references(value, cx.file.lines.escape) {
                let Some(&count) = times.get(reference.name.as_str()) else { continue };
                // `PATH=/x:$PATH` means the value before the instruction and is right, once.
                let wrong = if reference.name == own { count > 1 } else { view.get(&reference.name).is_none() };
                if wrong {
                    let message = format!("`${}` is not yet what this ENV makes of it", reference.name);
                    let finding = Finding::new(value.part(reference.range), message)
                        .help("all values of one ENV see what was there before it: split the instruction");
                    cx.report(finding);
                }
            }
        }
    }
}
