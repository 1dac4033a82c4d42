//! A stage is referred to by its number.

use crate::edit::{Edit, Fix};
use crate::model::{Dockerfile, Kind, Stage, StageRef};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use std::cell::LazyCell;
use std::collections::HashSet;

/// See `rules/stage-by-number.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let file = cx.file;
        let names = LazyCell::new(|| taken(file));
        let mut is_first = true;
        for stage in &file.stages {
            let numbers: Vec<Span> = by_number(stage).collect();
            if numbers.is_empty() {
                continue;
            }
            let Some(from) = file.instructions.get(stage.from) else {
                continue;
            };
            let name = stage.name.clone().unwrap_or_else(|| {
                let first = std::mem::take(&mut is_first);
                free_name(&names, stage, first)
            });
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

/// Names, in lower case, that a stage cannot take: those of stages, and those of images (or named
/// contexts) that the file refers to and a stage of the same name would hide.
fn taken(file: &Dockerfile) -> HashSet<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut image = |base: &StageRef| taken.extend(base.image().map(|image| image.text.to_ascii_lowercase()));
    for stage in &file.stages {
        image(&stage.base);
    }
    for instruction in &file.instructions {
        match &instruction.inner().kind {
            Kind::Copy(t) | Kind::Add(t) => t.from.iter().for_each(|(_, from)| image(from)),
            Kind::Run { mounts, .. } => mounts
                .iter()
                .filter_map(|m| m.from.as_ref())
                .for_each(|(_, from)| image(from)),
            _ => {}
        }
    }
    let names = file.stages.iter().filter_map(|s| s.name.as_deref());
    taken.extend(names.map(str::to_ascii_lowercase));
    taken
}

/// `builder` for the first unnamed stage, else `stage-N`; never a name that the file uses.
fn free_name(taken: &HashSet<String>, stage: &Stage, is_first: bool) -> String {
    if is_first && !taken.contains("builder") {
        return "builder".into();
    }
    let mut name = format!("stage-{}", stage.id.0);
    while taken.contains(&name) {
        name.push_str("-build");
    }
    name
}
