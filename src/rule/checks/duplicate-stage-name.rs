//! Two stages have one name.

use crate::rule::{Cx, Finding, Inspect};
use std::collections::HashMap;

/// See `rules/duplicate-stage-name.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let mut seen = HashMap::new();
        for stage in &cx.file.stages {
            let (Some(name), Some(span)) = (stage.name.as_deref(), stage.name_span) else { continue };
            if let Some(first) = seen.insert(name.to_lowercase(), span) {
                cx.report(
                    Finding::new(span, format!("an earlier stage is called `{name}` too"))
                        .related(first, "the first one")
                        .help("give each stage a name of its own"),
                );
            }
        }
    }
}
