//! A secret is given by ENV or ARG.

use crate::facts::secrets;
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::suppress;

/// See `rules/secret-in-environment.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let (Kind::Env(pairs) | Kind::Arg(pairs)) = &instruction.kind else {
            return;
        };
        if instruction.stage.is_none() || cx.facts.in_onbuild(instruction) {
            return;
        }
        // Where the file asks BuildKit to fail for what its checks find, what they find is what matters.
        let fatal = suppress::check_options(&cx.file.source, &cx.file.lines).is_some_and(|options| options.error);
        let exact = fatal || cx.flag("as-buildkit");
        for pair in pairs {
            let name = secrets::key(pair);
            if secrets::is_secret_name(name) && (exact || !secrets::is_harmless(pair)) {
                let keyword = instruction.keyword.name();
                let seen = if matches!(instruction.kind, Kind::Env(_)) {
                    "the image's config"
                } else {
                    "the image's history"
                };
                cx.report(
                    Finding::new(pair.key.span, format!("{keyword} `{name}` has the name of a secret, and its value stays in {seen}"))
                        .help("give it to the one RUN that needs it: `RUN --mount=type=secret,id=...`; at run time, from outside"),
                );
            }
        }
    }
}
