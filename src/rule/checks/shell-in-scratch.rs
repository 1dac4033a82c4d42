//! RUN needs a shell, and scratch has none.

use crate::model::{Form, Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/shell-in-scratch.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::Run {
            form: Form::Shell(_),
            mounts,
            ..
        } = &instruction.kind
        else {
            return;
        };
        let Some(stage) = instruction
            .stage
            .and_then(|id| cx.file.stage(id))
            .filter(|s| s.from_scratch)
        else {
            return;
        };
        if cx.facts.in_onbuild(instruction) || mounts.iter().any(|m| m.from.is_some()) {
            return;
        }
        let filled = cx.file.chain(stage).flat_map(|s| cx.file.instructions_of(s)).any(|i| {
            i.index < instruction.index
                && (i.transfer().is_some() || matches!(&i.kind, Kind::Run { mounts, .. } if !mounts.is_empty()))
        });
        if !filled {
            cx.report(
                Finding::new(
                    instruction.keyword_span,
                    "there is no shell in this stage that could run this",
                )
                .help("do it in another stage and copy the result"),
            );
        }
    }
}
