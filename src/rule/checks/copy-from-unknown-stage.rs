//! COPY takes from something that is no stage, and does not look like an image.

use crate::model::{Instruction, suggest};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/copy-from-unknown-stage.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Some((word, base)) = instruction.transfer().and_then(|t| t.from.as_ref()) else {
            return;
        };
        let name = word.value.as_str();
        // `host/path`, `name:tag` and `name@digest` are images, and a variable can be anything.
        if base.stage().is_some() || name.contains(['/', ':', '@', '$']) || name.eq_ignore_ascii_case("scratch") {
            return;
        }
        let names = cx.file.stages.iter().filter_map(|s| s.name.as_deref());
        let message = format!("no stage above is called `{name}`");
        let help = if name.bytes().all(|b| b.is_ascii_digit()) {
            "stages count from 0; write the name of the stage".to_owned()
        } else if let Some(near) = suggest::closest(name, names) {
            format!("did you mean the stage `{near}`?")
        } else if cx.file.stages.is_empty() {
            "begin the stages with FROM, or write the tag of an image".to_owned()
        } else {
            // A bare name that is like no stage is a build context of that name, or an image.
            return;
        };
        cx.report(Finding::new(word.span, message).help(help));
    }
}
