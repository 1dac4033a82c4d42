//! The rewritten text.

use super::artifact::Artifact;
use super::carry::{Carried, Carry, Origin};
use super::deal::{Deal, Part};
use super::layout::{self, Block, Style};
use super::need::Need;
use super::order::{self, Step};
use super::role::Role;
use super::runtime::{RuntimeBase, RuntimePackages};
use super::site::{Place, Site};
use super::{Level, PlannedStage, Tester};
use crate::edit::Edit;
use crate::model::{Instruction, Keyword, Kind};
use crate::shell::Manager;
use std::collections::BTreeSet;

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

/// A stage on its way to text.
struct Writer<'s> {
    style: &'s Style,
    stage: PlannedStage,
    lines: String,
    /// In force where the next instruction stands.
    workdir: String,
    /// Nothing stands below FROM yet.
    fresh: bool,
}

impl<'s> Writer<'s> {
    fn new(style: &'s Style, role: &'static str, name: &str, base: &str, from: &str) -> Self {
        Writer {
            style,
            stage: PlannedStage {
                name: name.to_owned(),
                role,
                base: base.to_owned(),
                copies: Vec::new(),
                says: Vec::new(),
            },
            lines: format!("{from}\n"),
            workdir: "/".to_owned(),
            fresh: true,
        }
    }

    /// An instruction of the author's, with its comments.
    fn block(&mut self, block: &Block) {
        self.gap(block.blank && (!self.fresh || self.style.airy));
        for comment in &block.comments {
            self.lines.push_str(comment);
            self.lines.push('\n');
        }
        self.body(&block.body);
    }

    /// An instruction of the author's without its comments, or one of ours.
    fn plain(&mut self, body: &str, blank: bool) {
        self.gap(blank);
        self.body(body);
    }

    fn gap(&mut self, blank: bool) {
        if blank && !self.lines.ends_with("\n\n") {
            self.lines.push('\n');
        }
    }

    fn body(&mut self, body: &str) {
        self.fresh = false;
        self.lines.push_str(body);
        self.lines.push('\n');
        self.stage.says.push(super::deal::short(body));
    }
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
            Step::Manifests(body) => builder.plain(body, style.airy && !builder.fresh),
            Step::Install(body) => builder.plain(body, style.airy),
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
    stages.push(runtime(
        site,
        parts,
        &style,
        &names,
        &source,
        many,
        instructions,
        &blocks,
    ));

    let head = head(site, from, &from_block);
    let mut text = head;
    for (at, stage) in stages.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        text.push_str(stage.lines.trim_end_matches('\n'));
        text.push('\n');
    }
    text.push_str(&tail(site));
    Some(Composed {
        text,
        stages: stages.into_iter().map(|w| w.stage).collect(),
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
fn head(site: &Site<'_>, from: &Instruction, _block: &Block) -> String {
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
        writer.plain(&body, style.airy && !writer.fresh);
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

/// The stage that runs.
#[allow(clippy::too_many_arguments)]
fn runtime<'s>(
    site: &Site<'_>,
    parts: &Parts<'_>,
    style: &'s Style,
    names: &Names,
    source: &str,
    many: bool,
    instructions: &[Instruction],
    blocks: &[Block],
) -> Writer<'s> {
    let reference = &parts.base.reference;
    let from = style.keyword("FROM");
    let line = if many {
        format!("{from} {reference} {} {}", style.keyword("AS"), names.runtime)
    } else {
        format!("{from} {reference}")
    };
    let name = if many { names.runtime.as_str() } else { "" };
    let mut writer = Writer::new(style, "runtime", name, reference, &line);
    for carry in parts.carried.instructions.iter().filter(|c| c.from == Origin::Base) {
        emit(site, &mut writer, carry, None, style);
    }
    let packages_at = packages_at(site, parts);
    let mut packages = Some(packages(parts.base));
    if packages_at.is_none() {
        for run in packages.take().into_iter().flatten() {
            writer.plain(&run, style.airy && !writer.fresh);
        }
    }
    let mut copies = Some(());
    for (instruction, block) in instructions.iter().zip(blocks) {
        let index = instruction.index;
        if packages_at.is_some_and(|at| index >= at)
            && let Some(runs) = packages.take()
        {
            for run in runs {
                writer.plain(&run, style.airy && !writer.fresh);
            }
        }
        for carry in &parts.carried.instructions {
            if carry.from == Origin::Instruction(index) {
                let shown = parts.deal.part(site, instruction, |lot| lot.builder) == Part::None;
                emit(site, &mut writer, carry, Some((block, shown)), style);
            }
        }
        let replayed = parts
            .carried
            .instructions
            .iter()
            .any(|c| c.keyword == Keyword::Run && c.from == Origin::Instruction(index));
        if parts.context.contains(&index) {
            writer.plain(&block.body, style.airy && !writer.fresh);
        }
        let part = parts.deal.part(site, instruction, |lot| lot.runtime);
        let in_builder = parts.deal.part(site, instruction, |lot| lot.builder) != Part::None;
        match part {
            Part::Whole if !replayed => {
                if in_builder {
                    writer.plain(&block.body, style.airy && !writer.fresh);
                } else {
                    writer.block(block);
                }
            }
            Part::Cut(body) if !replayed => writer.plain(&body, style.airy && !writer.fresh),
            _ => {}
        }
        if index >= parts.deal.anchor && copies.take().is_some() {
            if let Some(runs) = packages.take() {
                for run in runs {
                    writer.plain(&run, style.airy && !writer.fresh);
                }
            }
            copy_all(parts, &mut writer, source, style);
        }
    }
    writer
}

/// Where the packages of the new stage are installed: where the old one installed its own.
fn packages_at(site: &Site<'_>, parts: &Parts<'_>) -> Option<usize> {
    let at = site
        .roles
        .iter()
        .find(|r| r.role == Role::SystemPackages)?
        .place
        .instruction;
    Some(at.min(parts.deal.anchor))
}

fn emit(site: &Site<'_>, writer: &mut Writer<'_>, carry: &Carry, of: Option<(&Block, bool)>, style: &Style) {
    match of {
        Some((block, true)) if carry.text.is_empty() => writer.block(block),
        Some((block, shown)) => {
            let body = if carry.text.is_empty() {
                &block.body
            } else {
                &carry.text
            };
            if shown {
                writer.block(&Block {
                    body: body.clone(),
                    ..block.clone()
                });
            } else {
                let blank = block.blank && !writer.fresh || style.airy && !writer.fresh;
                writer.plain(body, blank);
            }
        }
        None => writer.plain(&carry.text, style.airy && !writer.fresh),
    }
    if carry.keyword == Keyword::Workdir {
        let at = match carry.from {
            Origin::Instruction(index) => site.workdir_at(index + 1),
            Origin::Base => carry.text.split_whitespace().nth(1).map(str::to_owned),
        };
        if let Some(dir) = at {
            writer.workdir = dir;
        }
    }
}

/// The instructions that install packages on the new base.
fn packages(base: &RuntimeBase) -> Vec<String> {
    base.packages
        .iter()
        .filter(|p| !p.names.is_empty())
        .map(install)
        .collect()
}

/// A RUN that installs packages and leaves nothing else.
fn install(packages: &RuntimePackages) -> String {
    let (before, after) = match packages.manager {
        Manager::Apk => ("apk add --no-cache", ""),
        Manager::Dnf => ("dnf install -y --setopt=install_weak_deps=False", "dnf clean all"),
        Manager::Yum => ("yum install -y", "yum clean all"),
        Manager::Microdnf => ("microdnf install -y", "microdnf clean all"),
        Manager::Zypper => ("zypper --non-interactive install --no-recommends", "zypper clean --all"),
        _ => (
            "apt-get update && apt-get install -y --no-install-recommends",
            "rm -rf /var/lib/apt/lists/*",
        ),
    };
    let list = if packages.names.len() <= 2 {
        format!(" {}", packages.names.join(" "))
    } else {
        let lines = packages.names.iter().map(|name| format!(" \\\n        {name}"));
        lines.collect()
    };
    let mut commands: Vec<String> = before.split(" && ").map(str::to_owned).collect();
    if let Some(last) = commands.last_mut() {
        last.push_str(&list);
    }
    commands.extend((!after.is_empty()).then(|| after.to_owned()));
    format!("RUN {}", commands.join(" \\\n    && "))
}

/// What is copied into the new stage.
fn copy_all(parts: &Parts<'_>, writer: &mut Writer<'_>, source: &str, style: &Style) {
    let mut blank = style.airy && !writer.fresh;
    let copy = style.keyword("COPY");
    for file in parts.base.files.iter() {
        let to = shown(&file.to, &writer.workdir, file.to.ends_with('/'));
        writer.plain(&transfer(&copy, Some(source), &[file.from.clone()], &to), blank);
        note(writer, source, &file.from);
        blank = false;
    }
    for (sources, to) in grouped_files(parts.files, &writer.workdir) {
        writer.plain(&transfer(&copy, None, &sources, &to), blank);
        blank = false;
    }
    for tree in parts.trees {
        let to = shown(tree, &writer.workdir, true);
        let from = trimmed(tree);
        writer.plain(&transfer(&copy, Some(source), &[from.to_owned()], &to), blank);
        note(writer, source, from);
        blank = false;
    }
    for (sources, to) in grouped_artifacts(parts.artifacts, parts.trees, &writer.workdir) {
        writer.plain(&transfer(&copy, Some(source), &sources, &to), blank);
        for path in &sources {
            note(writer, source, path);
        }
        blank = false;
    }
}

fn note(writer: &mut Writer<'_>, from: &str, path: &str) {
    match writer.stage.copies.iter_mut().find(|(name, _)| name == from) {
        Some((_, paths)) => paths.push(path.to_owned()),
        None => writer.stage.copies.push((from.to_owned(), vec![path.to_owned()])),
    }
}

/// One COPY.
fn transfer(copy: &str, from: Option<&str>, sources: &[String], to: &str) -> String {
    let flag = from.map(|name| format!("--from={name} ")).unwrap_or_default();
    if sources.iter().any(|s| s.contains(' ')) || to.contains(' ') {
        let words: Vec<String> = sources.iter().map(|s| format!("\"{s}\"")).collect();
        return format!("{copy} {flag}[{}, \"{to}\"]", words.join(", "));
    }
    format!("{copy} {flag}{} {to}", sources.join(" "))
}

fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

/// A path as a destination, seen from the working directory. Of a file in it only `.` is shown.
fn shown(path: &str, workdir: &str, folder: bool) -> String {
    let workdir = trimmed(workdir);
    let path = trimmed(path);
    if workdir == "/" {
        return path.to_owned();
    }
    if folder && path == workdir {
        return ".".to_owned();
    }
    match path.strip_prefix(workdir).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if !folder && !rest.contains('/') => ".".to_owned(),
        Some(rest) => format!("./{rest}"),
        None => path.to_owned(),
    }
}

fn parent(path: &str) -> &str {
    match trimmed(path).rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

/// Artifacts that are copied on their own: folders each, files by their folder.
fn grouped_artifacts(artifacts: &[Artifact], trees: &[String], workdir: &str) -> Vec<(Vec<String>, String)> {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    let inside = |path: &str| {
        trees
            .iter()
            .any(|tree| path.starts_with(&format!("{}/", trimmed(tree))))
    };
    let mut seen = BTreeSet::new();
    for artifact in artifacts.iter().filter(|a| !inside(&a.path)) {
        let path = &artifact.path;
        if !seen.insert(path.as_str()) {
            continue;
        }
        if path.ends_with('/') {
            groups.push((vec![trimmed(path).to_owned()], shown(path, workdir, true)));
            continue;
        }
        let folder = parent(path);
        let same = groups.iter_mut().find(|(sources, _)| {
            sources.first().is_some_and(|s| {
                parent(s) == folder
                    && !artifacts
                        .iter()
                        .any(|a| a.path.trim_end_matches('/') == s && a.path.ends_with('/'))
            })
        });
        match same {
            Some((sources, to)) => {
                sources.push(path.clone());
                *to = folder_shown(folder, workdir);
            }
            None if path.contains('*') => groups.push((vec![path.clone()], folder_shown(folder, workdir))),
            None => groups.push((vec![path.clone()], shown(path, workdir, false))),
        }
    }
    groups
}

/// A folder as a destination for several files: it ends with `/`.
fn folder_shown(folder: &str, workdir: &str) -> String {
    match shown(folder, workdir, true).as_str() {
        "." => "./".to_owned(),
        "/" => "/".to_owned(),
        other => format!("{other}/"),
    }
}

/// Files of the build context, by the folder that they go to.
fn grouped_files(files: &[Need], workdir: &str) -> Vec<(Vec<String>, String)> {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    for need in files {
        let Some(source) = &need.context else { continue };
        if need.path.ends_with('/') {
            groups.push((vec![source.clone()], shown(&need.path, workdir, true)));
            continue;
        }
        let same_name = source.rsplit('/').next() == need.path.rsplit('/').next();
        let to = if same_name {
            folder_shown(parent(&need.path), workdir)
        } else {
            shown_exactly(&need.path, workdir)
        };
        match groups
            .iter_mut()
            .find(|(_, known)| same_name && *known == to && to.ends_with('/'))
        {
            Some((sources, _)) => sources.push(source.clone()),
            None => groups.push((vec![source.clone()], to)),
        }
    }
    for (sources, to) in &mut groups {
        if sources.len() == 1 && to == "./" {
            *to = ".".to_owned();
        }
    }
    groups
}

fn shown_exactly(path: &str, workdir: &str) -> String {
    let rest = path.strip_prefix(trimmed(workdir)).and_then(|r| r.strip_prefix('/'));
    match rest {
        Some(rest) if trimmed(workdir) != "/" => format!("./{rest}"),
        _ => path.to_owned(),
    }
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

/// The place of an instruction as a whole.
pub fn whole(instruction: usize) -> Place {
    Place {
        instruction,
        piece: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_seen_from_the_working_directory() {
        for (path, workdir, folder, wanted) in [
            ("/app/x", "/app", false, "."),
            ("/app/", "/app", true, "."),
            ("/app/dist/", "/app", true, "./dist"),
            ("/app/target/release/x", "/app", false, "./target/release/x"),
            ("/usr/local/bin/x", "/app", false, "/usr/local/bin/x"),
            ("/x", "/", false, "/x"),
            ("/apple/x", "/app", false, "/apple/x"),
        ] {
            assert_eq!(shown(path, workdir, folder), wanted, "{path} in {workdir}");
        }
    }
}
