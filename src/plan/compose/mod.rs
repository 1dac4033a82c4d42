//! The rewritten text.

mod copies;
mod runtime;
mod writer;

use super::application::{Application, Trim};
use super::artifact::Artifact;
use super::caches::Caches;
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
use crate::source::Span;
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
    /// The flags of COPY that each of them wants, a blank behind each flag.
    pub flags: &'p [String],
    /// What the builder does at its end.
    pub trims: &'p [Trim],
    /// What an interpreted program is made of.
    pub application: Option<&'p Application>,
    /// What its RUNs keep between builds.
    pub caches: &'p Caches,
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

/// Composes the text: the stage is replaced by those that build, test and run; the stages that it is
/// built on stay as they are.
pub fn compose(site: &Site<'_>, parts: &Parts<'_>) -> Option<Composed> {
    let file = site.file();
    let from = file.from_of(site.stage)?;
    let style = layout::style(file);
    let names = Names::of(site);
    let own = file.instructions_of(site.stage);
    let blocks: Vec<Block> = own.iter().map(|i| layout::block(file, i)).collect();
    let builds = site.stage.parent().is_none()
        || own
            .iter()
            .any(|i| parts.deal.part(site, i, |lot| lot.builder) != Part::None);
    let steps = order::steps(site, parts.deal, own);
    let idle = order::idle_copies(site, parts.deal, own, &steps);
    let mut stages: Vec<Writer<'_>> = Vec::new();
    let mut above = head(site, from, None);
    let builder = if builds {
        builder(
            site,
            parts,
            &style,
            &names,
            (own, &blocks),
            (&steps, &idle),
            &mut stages,
        )?
    } else {
        let parent = file.stage(site.stage.parent()?)?;
        match &parent.name {
            Some(name) => name.clone(),
            None => {
                above = head(site, from, file.from_of(parent).map(|f| (f, &names.builder, &style)));
                names.builder.clone()
            }
        }
    };
    let tester = tester(site, parts, &style, &names, &builder, own, &blocks);
    let tester_name = tester.as_ref().map(|t| t.stage.name.clone());
    stages.extend(tester);
    let source = match (&tester_name, site.options.tester) {
        (Some(name), Tester::Gate) => name.clone(),
        _ => builder,
    };
    let source = trimmed(site, parts, &style, &names, tester_name.is_some(), source, &mut stages);
    let name = match &site.stage.name {
        Some(name) if !names.keeps || !builds => name.as_str(),
        _ if stages.len() > 1 => names.runtime.as_str(),
        _ => "",
    };
    let all: Vec<&Instruction> = site.instructions().collect();
    let all_blocks: Vec<Block> = all.iter().map(|i| layout::block(file, i)).collect();
    let old = Old {
        instructions: &all,
        blocks: &all_blocks,
        idle: &idle,
    };
    stages.push(runtime::runtime(site, parts, &style, name, &source, &old));

    let mut text = above;
    let mut planned = earlier(site);
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

/// The instructions that install a base's packages on it.
pub fn installs(site: &Site<'_>, base: &super::runtime::RuntimeBase) -> Vec<String> {
    runtime::packages(base, &layout::style(site.file()))
}

/// Writes the stages `base` and `builder`, or `builder` alone; gives the name of the one that builds.
fn builder<'s>(
    site: &Site<'_>,
    parts: &Parts<'_>,
    style: &'s Style,
    names: &Names,
    (own, blocks): (&[Instruction], &[Block]),
    (steps, idle): (&[Step], &[usize]),
    stages: &mut Vec<Writer<'s>>,
) -> Option<String> {
    let file = site.file();
    let from = file.from_of(site.stage)?;
    let cut_at = base_ends(site, parts.deal, own, steps);
    let Kind::From { image, .. } = &from.kind else {
        return None;
    };
    let first_role = if cut_at.is_some() { "base" } else { "builder" };
    let first_name = names.first(site, cut_at.is_some());
    let from_line = named(site, from, style, &first_name);
    let mut writer = Writer::new(
        style,
        first_role,
        &first_name,
        file.source.slice(image.span),
        &from_line,
    );
    let altered_parts = parts.artifacts.iter().filter_map(|a| a.alter.as_ref());
    let alter: Vec<&Edit> = altered_parts.flat_map(|a| &a.edits).collect();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Old(place) => {
                let (Some(instruction), Some(block)) = (own.get(*place), blocks.get(*place)) else {
                    continue;
                };
                if idle.contains(&instruction.index) {
                    continue;
                }
                let body = match parts.deal.part(site, instruction, |lot| lot.builder) {
                    Part::None => continue,
                    Part::Whole => altered(site, instruction, &alter).unwrap_or_else(|| block.body.clone()),
                    Part::Cut(body) => altered_part(site, instruction, &alter, &body),
                };
                let body = parts.caches.mounted(site, instruction, body, style);
                writer.block(&Block { body, ..block.clone() });
            }
            Step::Part { place, body, first } => {
                let (Some(instruction), Some(block)) = (own.get(*place), blocks.get(*place)) else {
                    continue;
                };
                let body = altered_part(site, instruction, &alter, body);
                let body = parts.caches.mounted(site, instruction, body, style);
                match first {
                    true => writer.block(&Block { body, ..block.clone() }),
                    false => writer.ours(&body),
                }
            }
            Step::Manifests(body) => writer.ours(body),
            Step::Install(body) => writer.ours(&parts.caches.installing(body, style)),
        }
        if cut_at == Some(at) {
            let line = format!(
                "{} {first_name} {} {}",
                style.keyword("FROM"),
                style.keyword("AS"),
                names.builder
            );
            let next = Writer::new(style, "builder", &names.builder, &first_name, &line);
            stages.push(std::mem::replace(&mut writer, next));
        }
    }
    let name = writer.stage.name.clone();
    stages.push(writer);
    Some(name)
}

/// Leaves out what only the build needs: at the builder's end, or in a stage of its own where tests
/// still need it. Gives the name of the stage to copy from.
fn trimmed<'s>(
    site: &Site<'_>,
    parts: &Parts<'_>,
    style: &'s Style,
    names: &Names,
    tested: bool,
    source: String,
    stages: &mut Vec<Writer<'s>>,
) -> String {
    if parts.trims.is_empty() {
        return source;
    }
    let own = match stages.last_mut() {
        Some(last) if !tested && last.stage.name == source => None,
        _ => {
            let line = format!(
                "{} {source} {} {}",
                style.keyword("FROM"),
                style.keyword("AS"),
                names.production
            );
            Some(Writer::new(style, "builder", &names.production, &source, &line))
        }
    };
    let workdir = site.workdir_at(parts.deal.anchor + 1);
    let name = own.as_ref().map_or(source, |w| w.stage.name.clone());
    stages.extend(own);
    if let Some(writer) = stages.last_mut() {
        for run in trim_commands(parts.trims, workdir.as_deref(), style) {
            writer.ours(&run);
        }
    }
    name
}

/// The RUNs that trim, for a stage that ends in a working directory.
pub fn trim_commands(trims: &[Trim], workdir: Option<&str>, style: &Style) -> Vec<String> {
    let mut joined: Vec<(String, &str)> = Vec::new();
    for trim in trims {
        match joined.last_mut() {
            Some((command, folder)) if *folder == trim.folder => {
                *command = format!("{command} && {}", trim.command);
            }
            _ => joined.push((trim.command.clone(), &trim.folder)),
        }
    }
    let run = |(command, folder): (String, &str)| {
        let here = workdir.map(|dir| dir.trim_end_matches('/')) == Some(folder);
        let to = if folder.is_empty() { "/" } else { folder };
        let command = if here { command } else { format!("cd {to} && {command}") };
        wrapped(&format!("{} {command}", style.keyword("RUN")), style)
    };
    joined.into_iter().map(run).collect()
}

/// A line no longer than a screen is wide, where it has words to break it between.
const WIDEST: usize = 110;

/// A long command in several lines.
fn wrapped(run: &str, style: &Style) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in run.split(' ') {
        if width + word.len() >= WIDEST {
            out.push_str(&format!(" {}\n    {word}", style.escape));
            width = 4 + word.len();
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        width += word.len() + 1;
    }
    out
}

/// The stages above, for pictures.
fn earlier(site: &Site<'_>) -> Vec<PlannedStage> {
    let file = site.file();
    let stages = file.stages.iter().filter(|s| s.id < site.stage.id);
    stages
        .map(|stage| PlannedStage {
            name: stage.name.clone().unwrap_or_else(|| stage.id.0.to_string()),
            role: "builder",
            base: stage
                .parent()
                .and_then(|id| file.stage(id)?.name.clone())
                .or_else(|| stage.image.as_ref().map(|i| i.text.clone()))
                .unwrap_or_default(),
            copies: Vec::new(),
            says: file
                .instructions_of(stage)
                .iter()
                .map(|i| super::deal::short(file.source.slice(i.span)))
                .collect(),
        })
        .collect()
}

/// The stages' names.
struct Names {
    base: String,
    builder: String,
    tester: String,
    runtime: String,
    production: String,
    /// The stage's own name says that it builds, so the builder keeps it.
    keeps: bool,
}

/// What the names of stages that build hold.
const BUILDING: [&str; 8] = ["build", "compil", "base", "dep", "dev", "make", "stage", "src"];

/// Whether a stage is called like the image that it builds on: `FROM maven:3 AS maven`.
fn is_tool(site: &Site<'_>, name: &str) -> bool {
    let image = site.stage.image.as_ref().map(|i| i.repository.as_str());
    let family = site.base.map(|b| b.image.family);
    image.is_some_and(|i| i.rsplit('/').next() == Some(name)) || family == Some(name)
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
        let own = site.stage.name.as_ref().map(|n| n.to_lowercase());
        Names {
            base: pick("base"),
            builder: pick("builder"),
            tester: pick("tester"),
            runtime: pick("runtime"),
            production: pick("production"),
            keeps: own.is_some_and(|own| BUILDING.iter().any(|word| own.contains(word)) || is_tool(site, &own)),
        }
    }

    /// The name of the stage on the old image: the author's, where it says that it builds.
    fn first(&self, site: &Site<'_>, has_base: bool) -> String {
        match &site.stage.name {
            Some(name) if self.keeps => name.clone(),
            _ if has_base => self.base.clone(),
            _ => self.builder.clone(),
        }
    }
}

/// The FROM line with a name in the place of the one it has.
fn named(site: &Site<'_>, from: &Instruction, style: &Style, name: &str) -> String {
    let file = site.file();
    let end = match &from.kind {
        Kind::From {
            as_span: Some(span), ..
        } => span.start,
        _ => from.span.end,
    };
    let line = layout::text(file, Span::new(from.span.start, end));
    let written = match &from.kind {
        Kind::From {
            as_span: Some(span), ..
        } => file.source.slice(*span).split_whitespace().next(),
        _ => None,
    };
    let keyword = written.map_or_else(|| style.keyword("AS"), str::to_owned);
    format!("{} {keyword} {name}", line.trim_end())
}

/// Everything above the FROM line, its comments included; another FROM may be given a name.
fn head(site: &Site<'_>, from: &Instruction, name: Option<(&Instruction, &String, &Style)>) -> String {
    let file = site.file();
    let lines = file.source.lines();
    let start = lines.start(lines.line(from.span.start));
    match name {
        None => layout::text(file, Span::new(0, start)),
        Some((other, name, style)) => {
            let before = layout::text(file, Span::new(0, other.span.end));
            let behind = layout::text(file, Span::new(other.span.end, start));
            format!("{} {} {name}{behind}", before.trim_end(), style.keyword("AS"))
        }
    }
}

/// What stands behind the last instruction.
fn tail(site: &Site<'_>) -> String {
    let file = site.file();
    let Some(last) = file.instructions.last() else {
        return String::new();
    };
    let rest = layout::text(file, Span::new(layout::end(file, last), file.source.text().len()));
    if rest.trim().is_empty() { String::new() } else { rest }
}

/// The step behind which the stage `base` ends: the last one that installs dependencies before
/// sources come. Only where a tester shares it with the builder.
fn base_ends(site: &Site<'_>, deal: &Deal, instructions: &[Instruction], steps: &[Step]) -> Option<usize> {
    if !deal.lots.iter().any(|lot| lot.tester) || site.stage.name.is_some() || site.stage.parent().is_some() {
        return None;
    }
    let has = |step: &Step, wanted: fn(Role) -> bool| match step {
        Step::Old(place) => instructions.get(*place).is_some_and(|i| {
            let mut roles = site.roles.iter().filter(|r| r.place.instruction == i.index);
            roles.any(|r| wanted(r.role))
        }),
        Step::Manifests(_) => false,
        Step::Part { first, .. } if *first => wanted(Role::Dependencies { dev: None }),
        Step::Part { .. } => wanted(Role::Build),
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
                let body = parts.caches.mounted(site, instruction, block.body.clone(), style);
                writer.block(&Block { body, ..block.clone() });
                any = true;
                continue;
            }
            Part::Cut(body) => parts.caches.mounted(site, instruction, body, style),
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
