//! The rewritten text.

mod copies;
mod runtime;
mod writer;

use super::artifact::Artifact;
use super::carry::Carried;
use super::deal::{Deal, Part};
use super::layout::{self, Block, Style};
use super::need::Need;
use super::order::{self, Step};
use super::role::Role;
use super::runtime::RuntimeBase;
use super::site::Site;
use super::{Level, PlannedStage, Tester};
use crate::edit::Edit;
use crate::model::{Instruction, Kind};
use runtime::Old;
use std::collections::BTreeSet;
use writer::Writer;

/// What a text is composed of.
pub struct Parts<'p> {
    /// How far it goes.
    pub level: Level,
    /// Where each piece goes.
    pub deal: &'p Deal,
    /// What is taken from the builder.
    pub artifacts: &'p [Artifact],
    /// Folders that are taken from the builder as a whole.
    pub trees: &'p [String],
    /// Instructions that copy from the build context, once more.
    pub context: &'p [usize],
    /// Files that are taken from the build context.
    pub files: &'p [Need],
    /// The new base.
    pub base: &'p RuntimeBase,
    /// What the new stage is told.
    pub carried: &'p Carried,
}

/// A composed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The text, with `\n` for line ends.
    pub text: String,
    /// Its stages.
    pub stages: Vec<PlannedStage>,
    /// Tests stand in a stage of their own.
    pub tester: Option<String>,
}

/// Composes the text for a stage that is built on an image and is the only one of its chain.
pub fn compose(site: &Site<'_>, parts: &Parts<'_>) -> Option<Composed> {
    let file = site.file();
    let from = file.from_of(site.stage)?;
    let style = layout::style(file);
    let names = Names::of(site);
    let blocks: Vec<Block> = file
        .instructions_of(site.stage)
        .iter()
        .map(|i| layout::block(file, i))
        .collect();
    let instructions = file.instructions_of(site.stage);
    let steps = order::steps(site, parts.deal, instructions);
    let cut_at = base_ends(site, parts.deal, instructions, &steps);

    let from_block = layout::block(file, from);
    let image = file.source.slice(match &from.kind {
        Kind::From { image, .. } => image.span,
        _ => from.arguments_span,
    });
    let first_role = if cut_at.is_some() { "base" } else { "builder" };
    let first_name = names.first(site, cut_at.is_some());
    let from_line = named(&from_block.body, site, &style, &first_name);
    let mut stages: Vec<Writer<'_>> = Vec::new();
    let mut builder = Writer::new(&style, first_role, &first_name, image, &from_line);
    let alter: Vec<&Edit> = parts
        .artifacts
        .iter()
        .filter_map(|a| a.alter.as_ref())
        .flat_map(|a| &a.edits)
        .collect();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Old(place) => {
                let (Some(instruction), Some(block)) = (instructions.get(*place), blocks.get(*place)) else {
                    continue;
                };
                let body = match parts.deal.part(site, instruction, |lot| lot.builder) {
                    Part::None => continue,
                    Part::Whole => altered(site, instruction, &alter).unwrap_or_else(|| block.body.clone()),
                    Part::Cut(body) => altered_part(site, instruction, &alter, &body),
                };
                builder.block(&Block { body, ..block.clone() });
            }
            Step::Manifests(body) => builder.ours(body),
            Step::Install(body) => builder.ours(body),
        }
        if cut_at == Some(at) {
            let name = names.builder.clone();
            let line = format!(
                "{} {} {} {name}",
                style.keyword("FROM"),
                first_name,
                style.keyword("AS")
            );
            stages.push(std::mem::replace(
                &mut builder,
                Writer::new(&style, "builder", &name, &first_name, &line),
            ));
        }
    }
    let builder_name = builder.stage.name.clone();
    stages.push(builder);
    let tester = tester(site, parts, &style, &names, &builder_name, instructions, &blocks);
    let tester_name = tester.as_ref().map(|t| t.stage.name.clone());
    let many = tester.is_some() || cut_at.is_some();
    stages.extend(tester);
    let source = match (&tester_name, site.options.tester) {
        (Some(name), Tester::Gate) => name.clone(),
        _ => builder_name,
    };
    let old = Old {
        instructions,
        blocks: &blocks,
    };
    let name = if many { names.runtime.as_str() } else { "" };
    stages.push(runtime::runtime(site, parts, &style, name, &source, &old));

    let mut text = head(site, from);
    let mut planned = Vec::new();
    for (at, stage) in stages.into_iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let (lines, stage) = stage.finish();
        text.push_str(&lines);
        planned.push(stage);
    }
    text.push_str(&tail(site));
    Some(Composed {
        text,
        stages: planned,
        tester: tester_name,
    })
}

/// The stages' names.
struct Names {
    base: String,
    builder: String,
    tester: String,
    runtime: String,
}

impl Names {
    /// As the options give them; a number is put behind one that is taken.
    fn of(site: &Site<'_>) -> Names {
        let mut taken: BTreeSet<String> = site
            .file()
            .stages
            .iter()
            .filter_map(|s| s.name.as_ref().map(|n| n.to_lowercase()))
            .collect();
        let mut pick = |role: &str| {
            let wanted = site.options.name(role).to_owned();
            let mut name = wanted.clone();
            let mut number = 2;
            while !taken.insert(name.to_lowercase()) {
                name = format!("{wanted}{number}");
                number += 1;
            }
            name
        };
        Names {
            base: pick("base"),
            builder: pick("builder"),
            tester: pick("tester"),
            runtime: pick("runtime"),
        }
    }

    /// The name of the stage on the old image: the author's, where there is one.
    fn first(&self, site: &Site<'_>, has_base: bool) -> String {
        match &site.stage.name {
            Some(name) => name.clone(),
            None if has_base => self.base.clone(),
            None => self.builder.clone(),
        }
    }
}

/// The FROM line with a name.
fn named(line: &str, site: &Site<'_>, style: &Style, name: &str) -> String {
    if site.stage.name.is_some() {
        return line.to_owned();
    }
    format!("{} {} {name}", line.trim_end(), style.keyword("AS"))
}

/// Everything above the FROM line, its comments included.
fn head(site: &Site<'_>, from: &Instruction) -> String {
    let file = site.file();
    let lines = file.source.lines();
    let start = lines.start(lines.line(from.span.start));
    layout::text(file, crate::source::Span::new(0, start))
}

/// What stands behind the last instruction.
fn tail(site: &Site<'_>) -> String {
    let file = site.file();
    let Some(last) = file.instructions.last() else {
        return String::new();
    };
    let lines = file.source.lines();
    let start = lines.start(lines.line(last.span.end.saturating_sub(1)) + 1);
    let rest = layout::text(file, crate::source::Span::new(start, file.source.text().len()));
    if rest.trim().is_empty() { String::new() } else { rest }
}

/// The step behind which the stage `base` ends: the last one that installs dependencies before
/// sources come. Only where a tester shares it with the builder.
fn base_ends(site: &Site<'_>, deal: &Deal, instructions: &[Instruction], steps: &[Step]) -> Option<usize> {
    if !deal.lots.iter().any(|lot| lot.tester) || site.stage.name.is_some() {
        return None;
    }
    let has = |step: &Step, wanted: fn(Role) -> bool| match step {
        Step::Old(place) => instructions.get(*place).is_some_and(|i| {
            let mut roles = site.roles.iter().filter(|r| r.place.instruction == i.index);
            roles.any(|r| wanted(r.role))
        }),
        Step::Manifests(_) => false,
        Step::Install(_) => wanted(Role::Dependencies { dev: None }),
    };
    let sources = steps.iter().position(|s| has(s, |role| role == Role::SourceCopy))?;
    let before = steps.get(..sources)?;
    before
        .iter()
        .rposition(|s| has(s, |role| matches!(role, Role::Dependencies { .. })))
}

/// The stage that tests.
fn tester<'s>(
    site: &Site<'_>,
    parts: &Parts<'_>,
    style: &'s Style,
    names: &Names,
    builder: &str,
    instructions: &[Instruction],
    blocks: &[Block],
) -> Option<Writer<'s>> {
    let file = site.file();
    let line = format!(
        "{} {builder} {} {}",
        style.keyword("FROM"),
        style.keyword("AS"),
        names.tester
    );
    let mut writer = Writer::new(style, "tester", &names.tester, builder, &line);
    let mut workdir = file.settings_at(parts.deal.anchor).workdir.and_then(|w| w.value);
    let mut any = false;
    for (instruction, block) in instructions.iter().zip(blocks) {
        let body = match parts.deal.part(site, instruction, |lot| lot.tester) {
            Part::None => continue,
            Part::Whole => {
                writer_workdir(site, &mut writer, &mut workdir, instruction, style);
                writer.block(block);
                any = true;
                continue;
            }
            Part::Cut(body) => body,
        };
        writer_workdir(site, &mut writer, &mut workdir, instruction, style);
        writer.ours(&body);
        any = true;
    }
    any.then_some(writer)
}

/// Tests that ran in another folder than the builder ends in keep it.
fn writer_workdir(
    site: &Site<'_>,
    writer: &mut Writer<'_>,
    workdir: &mut Option<std::sync::Arc<str>>,
    instruction: &Instruction,
    style: &Style,
) {
    let here = site.file().settings_at(instruction.index).workdir.and_then(|w| w.value);
    if here != *workdir
        && let Some(dir) = &here
    {
        writer.plain(&format!("{} {dir}", style.keyword("WORKDIR")), false);
    }
    *workdir = here;
}

/// The instruction's text with the edits that lie in it; none where none does.
fn altered(site: &Site<'_>, instruction: &Instruction, edits: &[&Edit]) -> Option<String> {
    let span = instruction.span;
    let mut inside: Vec<&&Edit> = edits.iter().filter(|e| span.contains(e.span)).collect();
    if inside.is_empty() {
        return None;
    }
    inside.sort_by_key(|e| e.span);
    let text = site.file().source.text();
    let mut out = String::new();
    let mut done = span.start;
    for edit in inside {
        out.push_str(text.get(done..edit.span.start)?);
        out.push_str(&edit.text);
        done = edit.span.end;
    }
    out.push_str(text.get(done..span.end)?);
    Some(out.replace("\r\n", "\n"))
}

/// The same for a RUN that was cut: each edited link is found by its old text.
fn altered_part(site: &Site<'_>, instruction: &Instruction, edits: &[&Edit], body: &str) -> String {
    let mut out = body.to_owned();
    for role in site.roles.iter().filter(|r| r.place.instruction == instruction.index) {
        let piece = Instruction {
            span: role.span,
            ..instruction.clone()
        };
        if let Some(new) = altered(site, &piece, edits) {
            out = out.replacen(site.file().source.slice(role.span), &new, 1);
        }
    }
    out
}
