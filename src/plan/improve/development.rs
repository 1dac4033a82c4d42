//! An interpreted application that the last stage copies from another one: development packages and
//! caches that come along, and the image that is enough for it.
//!
//! What run time needs is computed as if the image ran in the stage that it copies from: where files
//! are copied to the place that they come from, both see the same application.

use crate::edit::{Applicability, Edit};
use crate::facts::Facts;
use crate::model::{Dockerfile, Instruction, Kind, Stage, StageId, Transfer};
use crate::plan::application::{self, Trim};
use crate::plan::artifact::{self, absolute};
use crate::plan::compose;
use crate::plan::evidence::{Condition, Met};
use crate::plan::layout;
use crate::plan::program;
use crate::plan::role::{self, Role};
use crate::plan::runtime::RuntimeBase;
use crate::plan::site::{self, Site};
use crate::plan::{Level, Reason, neighbour};
use crate::shell::lies_in;
use crate::source::{SourceFile, Span};

/// What the stage that is copied from does besides, so that less is copied.
#[derive(Debug, Clone)]
pub(super) struct Shed {
    /// The edits.
    pub edits: Vec<Edit>,
    /// What must hold for them.
    pub conditions: Vec<Condition>,
    /// What the user is told.
    pub announces: Vec<String>,
    /// About how much is no longer copied, in bytes.
    pub leaves: u64,
}

impl Shed {
    /// What is not proven.
    pub fn unproven(&self) -> Vec<Reason> {
        let unproven = self.conditions.iter().filter(|c| c.met == Met::Unproven);
        unproven
            .map(|c| Reason {
                says: format!("it is not proven that {}", c.what),
                evidence: c.evidence.clone(),
            })
            .collect()
    }
}

/// Less than this, in bytes, is not worth a command more.
const LEAST: u64 = 10_000_000;

/// What the last stage need not copy; none where nothing is known of which that holds.
pub(super) fn shed(site: &Site<'_>) -> Option<Shed> {
    if Level::Application > site.options.level || site.context.is_none() {
        return None;
    }
    // What runs in the last stage may need what it copied.
    let builds = |role: Role| {
        matches!(
            role,
            Role::Build | Role::Test | Role::Dependencies { .. } | Role::Unknown | Role::Tool
        )
    };
    if site.roles.iter().any(|r| builds(r.role)) || site.stage.parent().is_some() {
        return None;
    }
    let file = site.file();
    let mut stages: Vec<StageId> = Vec::new();
    for (_, transfer, from) in copies(site) {
        if !stages.contains(&from) && !transfer.sources.is_empty() {
            stages.push(from);
        }
    }
    stages
        .into_iter()
        .filter_map(|id| file.stage(id))
        .filter(|stage| is_interpreted(site, stage))
        .find_map(|stage| from_stage(site, stage))
        .filter(|shed| shed.leaves >= LEAST && shed.conditions.iter().all(|c| c.met != Met::No))
}

/// Whether a stage is built on an image of a language whose packages are told apart.
fn is_interpreted(site: &Site<'_>, stage: &Stage) -> bool {
    let base = site::base_of(site.file(), stage);
    base.is_some_and(|b| matches!(b.image.family, "node" | "python" | "ruby" | "php"))
}

/// The copies of the last stage from other stages of the file.
fn copies<'s>(site: &Site<'s>) -> impl Iterator<Item = (&'s Instruction, &'s Transfer, StageId)> + use<'s> {
    site.file().instructions_of(site.stage).iter().filter_map(|i| {
        let transfer = i.transfer()?;
        let from = transfer.from.as_ref()?.1.stage()?;
        Some((i, transfer, from))
    })
}

/// The smaller image that runs what the last stage copies, where all of it comes from one stage on
/// the same image, and nothing about it is open.
pub(super) fn runs_on(site: &Site<'_>) -> Option<RuntimeBase> {
    let file = site.file();
    let from = copies(site).next()?.2;
    if copies(site).any(|(_, _, other)| other != from) {
        return None;
    }
    let stage = file.stage(from)?;
    let (old, new) = (site.stage.root_image.as_ref()?, stage.root_image.as_ref()?);
    if (&old.repository, &old.tag) != (&new.repository, &new.tag) {
        return None;
    }
    let joined = joined(site, stage, &copied(site, stage)?)?;
    let (plan, _) = super::planned(site, &joined);
    let chosen = plan.chosen()?;
    let enough = chosen.applicability == Applicability::Safe && chosen.level > Level::Order;
    chosen.runtime.clone().filter(|_| enough)
}

/// What is copied from a stage; none where something of it is put elsewhere.
fn copied<'s>(site: &Site<'s>, stage: &Stage) -> Option<Vec<(&'s Instruction, Vec<String>)>> {
    copies(site)
        .filter(|(_, _, from)| *from == stage.id)
        .map(|(i, transfer, _)| Some((i, in_place(site, i, transfer)?)))
        .collect()
}

/// What need not be copied from one of the stages.
fn from_stage(site: &Site<'_>, stage: &Stage) -> Option<Shed> {
    let file = site.file();
    let own = copied(site, stage)?;
    let joined = joined(site, stage, &own)?;
    let joined = Dockerfile::parse(SourceFile::new(file.source.name(), joined));
    let facts = Facts::new(&joined, site.context);
    let target = joined.target()?;
    let roles = role::roles(&facts, target);
    let again = Site {
        facts: &facts,
        stage: target,
        context: site.context,
        base: site::base_of(&joined, target),
        roles: &roles,
        options: site.options,
    };
    let programs = program::programs(&again);
    let mut artifacts = artifact::artifacts(&again, &programs);
    artifacts.settle();
    let application = application::application(&again, &programs, &artifacts.found)?;
    let lean = *application.lean?;
    let covered = |path: &str| {
        let mut copied = own.iter().flat_map(|(_, paths)| paths);
        copied.any(|copied| lies_in(path, copied))
    };
    let whole = |trim: &&Trim| {
        trim.touches
            .iter()
            .all(|path| covered(&format!("{}/{path}", trim.folder)))
    };
    let trims: Vec<Trim> = lean.trims.iter().filter(whole).cloned().collect();
    if trims.is_empty() {
        return None;
    }
    let mut conditions = lean.conditions;
    for neighbour in neighbour::neighbours(site) {
        let what = "nothing else relies on the image as it is";
        conditions.push(match neighbour.breaks {
            true => Condition::not_met(what, vec![neighbour.evidence]),
            false => Condition::unproven(what, vec![neighbour.evidence], "a look at it"),
        });
    }
    Some(Shed {
        edits: edits(site, stage, &trims, &own)?,
        conditions,
        leaves: trims.iter().map(|trim| trim.leaves).sum(),
        announces: trims.into_iter().flat_map(|trim| trim.announces).collect(),
    })
}

/// The places of what is copied, where they are those that it comes from.
fn in_place(site: &Site<'_>, instruction: &Instruction, transfer: &Transfer) -> Option<Vec<String>> {
    let target = site.value(transfer.destination.as_ref()?, instruction.index)?;
    let folder = absolute(site.workdir_at(instruction.index).as_deref(), &target)?;
    let folder = folder.trim_end_matches('/');
    let mut out = Vec::new();
    for source in &transfer.sources {
        let from = absolute(Some("/"), &site.value(source, instruction.index)?)?;
        let from = from.trim_end_matches('/');
        let into = target.ends_with('/') || transfer.sources.len() > 1;
        let inside = from.rsplit_once('/').map_or("", |(above, _)| above);
        // A file goes into a folder that ends with a `/`; of a folder, what is in it.
        let is_file = from
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains('.') && !name.starts_with('.'));
        if from != folder && !(into && is_file && inside == folder) {
            return None;
        }
        out.push(from.to_owned());
    }
    Some(out)
}

/// The file as if its last stage ran in another one.
fn joined(site: &Site<'_>, stage: &Stage, own: &[(&Instruction, Vec<String>)]) -> Option<String> {
    const NAME: &str = "joined-by-mbopt";
    let file = site.file();
    let from = file.from_of(site.stage)?;
    let Kind::From { image, .. } = &from.kind else {
        return None;
    };
    let mut edits = Vec::new();
    let name = match &stage.name {
        Some(name) => name.as_str(),
        None => {
            let from = file.from_of(stage)?;
            edits.push(Edit::insert(from.arguments_span.end, format!(" AS {NAME}")));
            NAME
        }
    };
    edits.push(Edit::replace(image.span, name));
    let lines = file.source.lines();
    for (instruction, _) in own {
        let start = lines.start(lines.line(instruction.span.start));
        let line = Span::new(start, layout::end(file, instruction));
        edits.push(Edit::replace(line, ""));
    }
    Some(super::applied(site, &edits))
}

/// The edits that put the commands at the end of the stage, or of one on it where others use it.
fn edits(site: &Site<'_>, stage: &Stage, trims: &[Trim], own: &[(&Instruction, Vec<String>)]) -> Option<Vec<Edit>> {
    let file = site.file();
    let style = layout::style(file);
    let last = file.instructions_of(stage).last()?;
    let workdir = Site { stage, ..*site }.workdir();
    let runs = compose::trim_commands(trims, workdir.as_deref(), &style).join("\n");
    let ours = |other: &Stage| other.id == site.stage.id;
    let used = file.stages.iter().filter(|other| !ours(other)).any(|other| {
        other.parent() == Some(stage.id)
            || file.instructions_of(other).iter().any(|i| {
                i.transfer().and_then(|t| t.from.as_ref()?.1.stage()) == Some(stage.id)
                    || file.source.slice(i.span).contains("from=")
            })
    });
    // Somebody builds it by its name, to develop in it.
    let at = Site { stage, ..*site };
    let named = neighbour::neighbours(&at);
    let used = used || named.iter().any(|n| n.evidence.says.contains("target"));
    if !used {
        return Some(vec![Edit::insert(last.span.end, format!("\n{runs}"))]);
    }
    let parent = stage.name.as_deref()?;
    let name = site.options.name("production");
    let taken = |s: &Stage| s.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(name));
    if file.stages.iter().any(taken) {
        return None;
    }
    let from = file.from_of(site.stage)?;
    let line = format!(
        "{} {parent} {} {name}\n{runs}\n\n",
        style.keyword("FROM"),
        style.keyword("AS")
    );
    let mut edits = vec![Edit::insert(layout::start(file, from), line)];
    for (instruction, _) in own {
        let word = instruction.transfer()?.from.as_ref()?.0.span;
        edits.push(Edit::replace(word, name));
    }
    Some(edits)
}
