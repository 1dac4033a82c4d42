//! RUN needs a shell, and scratch has none.

use crate::model::{Form, Kind};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/shell-in-scratch.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        // By stage: whether anything came into it that could be a shell.
        let mut filled: Vec<bool> = Vec::with_capacity(cx.file.stages.len());
        for stage in &cx.file.stages {
            let below = stage.parent().and_then(|id| filled.get(id.0)).copied();
            let mut has_files = below.unwrap_or(!stage.from_scratch);
            for instruction in cx.file.instructions_of(stage) {
                match &instruction.kind {
                    Kind::Copy(_) | Kind::Add(_) => has_files = true,
                    Kind::Run { mounts, .. } if !mounts.is_empty() => has_files = true,
                    Kind::Run {
                        form: Form::Shell(_), ..
                    } if !has_files => {
                        let message = "there is no shell in this stage that could run this";
                        cx.report(
                            Finding::new(instruction.keyword_span, message)
                                .help("do it in another stage and copy the result"),
                        );
                    }
                    _ => {}
                }
            }
            filled.push(has_files);
        }
    }
}
