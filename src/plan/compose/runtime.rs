//! The stage that runs.

use super::Parts;
use super::copies::copy_all;
use super::writer::Writer;
use crate::context::Context;
use crate::model::{Instruction, Keyword};
use crate::plan::carry::{Carry, Origin};
use crate::plan::deal::Part;
use crate::plan::layout::{self, Block, Style};
use crate::plan::role::Role;
use crate::plan::runtime::{RuntimeBase, RuntimePackages};
use crate::plan::site::Site;
use crate::plan::{Level, artifact::Artifact, artifact::absolute};
use crate::shell::Manager;
use crate::source::Span;

/// The old stage's instructions, each with its block.
pub(super) struct Old<'o> {
    /// The instructions.
    pub instructions: &'o [&'o Instruction],
    /// Their blocks.
    pub blocks: &'o [Block],
    /// Indices of copies that the builder does without.
    pub idle: &'o [usize],
}

/// Writes the stage that runs: what the old stage's settings and set-up were, in their order, with
/// what is copied from `source` where the build stood. `name` is its own.
pub(super) fn runtime<'s>(
    site: &Site<'_>,
    parts: &Parts<'_>,
    style: &'s Style,
    name: &str,
    source: &str,
    old: &Old<'_>,
) -> Writer<'s> {
    let reference = &parts.base.reference;
    let mut line = format!("{}{} {reference}", style.keyword("FROM"), platform(site));
    if !name.is_empty() {
        line = format!("{line} {} {name}", style.keyword("AS"));
    }
    let mut writer = Writer::new(style, "runtime", name, reference, &line);
    for carry in parts.carried.instructions.iter().filter(|c| c.from == Origin::Base) {
        emit(site, &mut writer, carry, None);
    }
    let packages_at = packages_at(site, parts).unwrap_or(0);
    let mut packages = packages(parts.base, style);
    let copied_at = copied_at(site, parts);
    let mut copied = false;
    for (instruction, block) in old.instructions.iter().zip(old.blocks) {
        let index = instruction.index;
        if index >= packages_at {
            for run in packages.drain(..) {
                writer.ours(&run);
            }
        }
        let elsewhere = instruction.stage != Some(site.stage.id);
        let in_builder = elsewhere
            || !old.idle.contains(&index) && parts.deal.part(site, instruction, |lot| lot.builder) != Part::None;
        if copied_at == Some(index) {
            copied = true;
            for run in packages.drain(..) {
                writer.ours(&run);
            }
            copy_all(parts, &mut writer, source);
        }
        let mut replayed = false;
        for carry in &parts.carried.instructions {
            if carry.from == Origin::Instruction(index) {
                emit(site, &mut writer, carry, Some((block, !in_builder)));
                replayed |= carry.keyword == Keyword::Run;
            }
        }
        if parts.context.contains(&index) {
            let body = settled(site, instruction, &writer.workdir).unwrap_or_else(|| block.body.clone());
            writer.ours(&body);
        }
        if !replayed {
            let shown = Block {
                comments: if in_builder { Vec::new() } else { block.comments.clone() },
                body: settled(site, instruction, &writer.workdir).unwrap_or_else(|| block.body.clone()),
                ..block.clone()
            };
            replay(&mut writer, parts.deal.runtime_part(site, instruction, false), &shown);
            if index > parts.deal.anchor {
                replay(&mut writer, parts.deal.runtime_part(site, instruction, true), &shown);
            }
        }
        if index == parts.deal.anchor || index > parts.deal.anchor && !copied {
            if !copied {
                for run in packages.drain(..) {
                    writer.ours(&run);
                }
                copy_all(parts, &mut writer, source);
            }
            copied = true;
            // What was set before the build, of what only now is there.
            for (earlier, block) in old.instructions.iter().zip(old.blocks) {
                if earlier.index <= index {
                    let bare = Block {
                        comments: Vec::new(),
                        ..block.clone()
                    };
                    replay(&mut writer, parts.deal.runtime_part(site, earlier, true), &bare);
                }
            }
        }
    }
    writer
}

/// The instruction in front of which dependencies are copied: that which copies the application's
/// sources, where neither lies in the other. Dependencies change less often.
fn copied_at(site: &Site<'_>, parts: &Parts<'_>) -> Option<usize> {
    if parts.deal.level != Level::Slim || !parts.trees.is_empty() {
        return None;
    }
    let sources = site
        .roles
        .iter()
        .zip(&parts.deal.lots)
        .filter(|(r, lot)| r.role == Role::SourceCopy && lot.runtime && r.place.instruction < parts.deal.anchor);
    let mut first = None;
    for (role, _) in sources {
        let index = role.place.instruction;
        let instruction = site.file().instructions.get(index)?;
        let word = instruction.transfer()?.destination.as_ref()?;
        let value = site.file().expand(word, index).ok()?.value;
        let folder = absolute(site.workdir_at(index).as_deref(), &value)?;
        let folder = format!("{}/", folder.trim_end_matches('/'));
        // A folder that the context does not have is apart from what is copied around it; but what is
        // built of the sources may lie among them at another time, and is newer.
        let absent = |artifact: &Artifact| {
            let inside = artifact
                .path
                .strip_prefix(&folder)
                .map(|rest| rest.trim_end_matches('/'));
            let newer = artifact.made_by.is_some_and(|place| place.instruction > index);
            let sent = |c: &Context, rest: &str| if newer { !c.is_ignored(rest) } else { c.is_sent(rest) };
            inside.is_some_and(|rest| !rest.is_empty() && site.context.is_some_and(|c| !sent(c, rest)))
        };
        let apart = |a: &Artifact| absent(a) || !a.path.starts_with(&folder) && !folder.starts_with(&a.path);
        if !parts.artifacts.iter().all(apart) {
            return None;
        }
        first = first.or(Some(index));
    }
    first
}

/// The flag that fixes the platform, where the old stage has one: its image is for that one, too. One that
/// follows the machine that builds is for builders; what runs is for the platform that is asked for.
fn platform(site: &Site<'_>) -> String {
    let from = site.file().from_of(site.stage);
    let flag = from.and_then(|f| f.flag("platform"));
    let flag = flag.filter(|f| !site.file().source.slice(f.span).contains("BUILDPLATFORM"));
    flag.map(|f| format!(" {}", site.file().source.slice(f.span)))
        .unwrap_or_default()
}

/// A COPY with its destination absolute, where it was relative to a working directory that the new
/// stage does not work in at that place.
fn settled(site: &Site<'_>, instruction: &Instruction, workdir: &str) -> Option<String> {
    let word = instruction.transfer()?.destination.as_ref()?;
    let file = site.file();
    // The base's own is said again where the new one has another.
    file.settings_at(instruction.index).workdir?;
    let old = site.workdir_at(instruction.index)?;
    let written = file.source.slice(word.span);
    let plain = written.trim_start_matches(['"', '\'']);
    if plain.starts_with(['/', '$']) || old.trim_end_matches('/') == workdir.trim_end_matches('/') {
        return None;
    }
    let inner = written.trim_matches(['"', '\'']);
    let end = if inner.ends_with(['/', '.']) { "/" } else { "" };
    let path = absolute(Some(&old), inner)?;
    let to = written.replacen(inner, &format!("{}{end}", path.trim_end_matches('/')), 1);
    let before = layout::text(file, Span::new(instruction.span.start, word.span.start));
    let behind = layout::text(file, Span::new(word.span.end, instruction.span.end));
    Some(format!("{before}{to}{behind}"))
}

fn replay(writer: &mut Writer<'_>, part: Part, block: &Block) {
    match part {
        Part::None => {}
        Part::Whole => writer.block(block),
        Part::Cut(body) => writer.block(&Block {
            body,
            comments: Vec::new(),
            ..block.clone()
        }),
    }
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

fn emit(site: &Site<'_>, writer: &mut Writer<'_>, carry: &Carry, of: Option<(&Block, bool)>) {
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
                let apart = writer.style.airy && !writer.follows(body);
                writer.plain(body, block.blank || apart);
            }
        }
        None => writer.ours(&carry.text),
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
pub(super) fn packages(base: &RuntimeBase, style: &Style) -> Vec<String> {
    let filled = base.packages.iter().filter(|p| !p.names.is_empty());
    filled.map(|p| install(p, style)).collect()
}

/// A RUN that installs packages and leaves nothing else.
fn install(packages: &RuntimePackages, style: &Style) -> String {
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
        let lines = packages
            .names
            .iter()
            .map(|name| format!(" {}\n        {name}", style.escape));
        lines.collect()
    };
    let mut commands: Vec<String> = before.split(" && ").map(str::to_owned).collect();
    if let Some(last) = commands.last_mut() {
        last.push_str(&list);
    }
    commands.extend((!after.is_empty()).then(|| after.to_owned()));
    let joint = format!(" {}\n    && ", style.escape);
    format!("{} {}", style.keyword("RUN"), commands.join(&joint))
}
