//! A variable's name looks like a secret's.

use crate::facts::secrets;
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/secret-like-variable.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let (Kind::Env(pairs) | Kind::Arg(pairs)) = &instruction.kind else {
            return;
        };
        let elsewhere = instruction.stage.is_none() || cx.facts.in_onbuild(instruction);
        for pair in pairs {
            let name = secrets::key(pair);
            let found = secrets::is_joined_secret_name(name) || elsewhere && secrets::is_secret_name(name);
            if found && !secrets::is_harmless(pair) {
                let keyword = instruction.keyword.name();
                cx.report(
                    Finding::new(
                        pair.key.span,
                        format!("{keyword} `{name}` looks like a secret, and the image shows it"),
                    )
                    .help("use `RUN --mount=type=secret,id=...`, or give it when the container starts"),
                );
            }
        }
    }
}
