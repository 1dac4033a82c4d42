//! Both wget and curl are used.

use crate::model::Stage;
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;

/// See `rules/wget-and-curl.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let mut uses: Vec<(bool, Span)> = Vec::new();
        for instruction in cx.file.instructions_of(stage) {
            let Some(run) = cx.facts.run(instruction.inner()) else { continue };
            for command in &run.script.commands {
                match command.effective().base_name() {
                    "wget" => uses.push((true, command.effective().name.span)),
                    "curl" => uses.push((false, command.effective().name.span)),
                    _ => {}
                }
            }
        }
        let first = |wget: bool| uses.iter().find(|(w, _)| *w == wget).map(|(_, span)| *span);
        let (Some(wget), Some(curl)) = (first(true), first(false)) else { return };
        // Up to the second program's first use all is well.
        for (is_wget, span) in uses.iter().filter(|(_, span)| *span >= wget.max(curl)) {
            let (name, other, place) = if *is_wget { ("wget", "curl", curl) } else { ("curl", "wget", wget) };
            cx.report(
                Finding::new(*span, format!("{name} is used here, and {other} elsewhere in the stage"))
                    .related(place, format!("{other}'s first use"))
                    .help("use one of the two"),
            );
        }
    }
}
