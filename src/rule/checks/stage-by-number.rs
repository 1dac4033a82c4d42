//! A stage is referred to by its number.

use crate::edit::{Edit, Fix};
use crate::model::{Dockerfile, Kind, Stage, StageRef};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;

/// See `rules/stage-by-number.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let file = cx.file;
        for stage in &file.stages {
            let numbers: Vec<Span> = by_number(stage).collect();
            let Some(from) = file.instructions.get(stage.from) else {
                continue;
            };
            let name = stage.name.clone().unwrap_or_else(|| free_name(file, stage));
            for (i, &span) in numbers.iter().enumerate() {
                let number = cx.slice(span).to_owned();
                let mut finding = Finding::new(span, format!("stage {number} is referred to by its number"))
                    .related(from.span, "this stage")
                    .help(match &stage.name {
                        Some(name) => format!("write `{name}`, its name"),
                        None => format!("name the stage: `AS {name}`"),
                    });
                // One fix for all references: naming the stage and renaming them belong together.
                if i == 0 {
                    finding = finding.fix(naming(cx, stage, &name, &numbers));
                }
                cx.report(finding);
            }
        }
    }
}

fn naming(cx: &Cx<'_>, stage: &Stage, name: &str, numbers: &[Span]) -> Fix {
    let mut edits: Vec<Edit> = numbers.iter().map(|&span| Edit::replace(span, name)).collect();
    if stage.name.is_none()
        && let Some(from) = cx.file.instructions.get(stage.from)
    {
        let upper = cx.slice(from.keyword_span).chars().all(|c| c.is_ascii_uppercase());
        let keyword = if upper { "AS" } else { "as" };
        edits.push(Edit::insert(from.arguments_span.end, format!(" {keyword} {name}")));
    }
    Fix::safe(format!("name the stage `{name}`"), edits)
}

fn by_number(stage: &Stage) -> impl Iterator<Item = Span> {
    stage.uses.iter().filter(|used| used.numbered).map(|used| used.span)
}

/// Whether the file refers to an image (or named context) of this name, which a stage of the same
/// name would hide.
fn is_image(file: &Dockerfile, name: &str) -> bool {
    let is_name = |base: &StageRef| base.image().is_some_and(|image| image.text.eq_ignore_ascii_case(name));
    file.stages.iter().any(|s| is_name(&s.base))
        || file.instructions.iter().any(|i| match &i.inner().kind {
            Kind::Copy(t) | Kind::Add(t) => t.from.as_ref().is_some_and(|(_, from)| is_name(from)),
            Kind::Run { mounts, .. } => mounts
                .iter()
                .filter_map(|m| m.from.as_ref())
                .any(|(_, from)| is_name(from)),
            _ => false,
        })
}

/// `builder` for the first unnamed stage, else `stage-N`; never a name that the file uses.
fn free_name(file: &Dockerfile, stage: &Stage) -> String {
    let taken = |name: &str| {
        file.stages
            .iter()
            .any(|s| s.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name)))
            || is_image(file, name)
    };
    let first = file
        .stages
        .iter()
        .find(|s| s.name.is_none() && by_number(s).next().is_some());
    if first.is_some_and(|s| s.id == stage.id) && !taken("builder") {
        return "builder".into();
    }
    let mut name = format!("stage-{}", stage.id.0);
    while taken(&name) {
        name.push_str("-build");
    }
    name
}
