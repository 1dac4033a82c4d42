//! What each level rests on, and the rewrites that can be written.

mod candidate;
mod owners;
mod suit;
mod trees;
mod verdict;

pub use suit::drop_idle_path;
pub use trees::{SYSTEM, folders, own_folders};
pub use verdict::{choose, is_worth_it, verdict};

use super::application::Application;
use super::artifact::{Artifact, Artifacts, Landing};
use super::compose::{self, Parts};
use super::evidence::{Condition, Evidence, Met};
use super::need::{Need, Needs};
use super::neighbour::Neighbour;
use super::program::Program;
use super::role::Role;
use super::runtime::RuntimeBase;
use super::site::Site;
use super::system::SystemPackages;
use super::{Candidate, Considered, Level, audit, caches, carry, deal, replay};
use crate::shell::lies_in;
use trees::Trees;

/// What the rooms found.
pub struct Known<'k> {
    /// What runs in the end.
    pub programs: &'k [Program],
    /// What the build makes.
    pub artifacts: &'k Artifacts,
    /// What run time reads besides.
    pub needs: &'k Needs,
    /// System packages.
    pub system: &'k SystemPackages,
    /// Bases that could do, the boldest first.
    pub bases: &'k [RuntimeBase],
    /// Who relies on the image as it is.
    pub neighbours: &'k [Neighbour],
    /// What an interpreted program is made of.
    pub application: Option<&'k Application>,
}

/// Levels that were considered, the boldest first, and the rewrites that could be written, the
/// boldest first and those that nothing speaks against before the others.
pub fn consider(site: &Site<'_>, known: &Known<'_>) -> (Vec<Considered>, Vec<Candidate>) {
    let mut levels = Vec::new();
    let mut candidates = Vec::new();
    for level in [Level::Artifacts, Level::Application, Level::Slim] {
        let suits = match (level, known.application) {
            (Level::Slim, application) => application.is_some(),
            (Level::Application, Some(application)) => application.lean.is_some(),
            (_, application) => application.is_none(),
        };
        if !suits {
            continue;
        }
        let common = common(site, known, level);
        let mut best: Option<Vec<Condition>> = None;
        if common.iter().all(|c| c.met != Met::No) {
            for base in known.bases {
                let (conditions, candidate) = with_base(site, known, level, base, &common);
                candidates.extend(candidate.filter(|_| level <= site.options.level));
                let better = best.as_ref().is_none_or(|b| rank(&conditions) < rank(b));
                if better {
                    best = Some(conditions);
                }
            }
        }
        if known.bases.is_empty() && best.is_none() {
            let mut conditions = common;
            conditions.push(Condition::not_met("an image is known that can run it", Vec::new()));
            best = Some(conditions);
        } else if best.is_none() {
            best = Some(common);
        }
        levels.push(Considered {
            level,
            conditions: best.unwrap_or_default(),
        });
    }
    (levels, candidates)
}

/// How much speaks against a set of conditions: those not met, those unproven.
fn rank(conditions: &[Condition]) -> (usize, usize) {
    let count = |met: Met| conditions.iter().filter(|c| c.met == met).count();
    (count(Met::No), count(Met::Unproven))
}

/// The condition without which there is nothing to copy.
const KNOWN: &str = "the build makes something that is known";

/// What must hold whatever the base is.
fn common(site: &Site<'_>, known: &Known<'_>, level: Level) -> Vec<Condition> {
    let mut out = Vec::new();
    if known.artifacts.found.is_empty() {
        let evidence = build_places(site)
            .map(|span| Evidence::command(span, "what it makes is not known"))
            .take(2)
            .collect();
        out.push(Condition::not_met(KNOWN, evidence));
    }
    // Of what installs fill, the application's own room tells.
    let all_installed = known
        .application
        .is_some_and(|a| a.as_artifacts().len() == known.artifacts.found.len());
    if !all_installed {
        out.extend(known.artifacts.conditions.iter().cloned());
    }
    let installed = |artifact: &&Artifact| {
        let own = |part: &Artifact| part.path == artifact.path;
        known.application.is_some_and(|a| a.as_artifacts().iter().any(own))
    };
    for artifact in known.artifacts.found.iter().filter(|a| !installed(a)) {
        if artifact.sources.len() > 1 {
            out.push(Condition::met(
                format!("`{}` is what the build makes", artifact.path),
                artifact.sources.clone(),
            ));
        } else {
            out.push(Condition::unproven(
                format!("`{}` is what the build makes", artifact.path),
                artifact.sources.clone(),
                "a second source that agrees: an explicit output in the build command, CMD, or the manifest",
            ));
        }
    }
    if level == Level::Artifacts {
        out.extend(known.needs.conditions.iter().cloned());
    }
    let from = site.file().from_of(site.stage);
    let flag = from.and_then(|from| from.flag("platform"));
    if let Some(flag) = flag.filter(|f| site.file().source.slice(f.span).contains("BUILDPLATFORM")) {
        let says = "the old image is for the platform of the machine that builds";
        out.push(Condition::unproven(
            "what is built is for the platform that is asked for",
            vec![Evidence::command(flag.span, says)],
            "a build for each platform",
        ));
    }
    let relying: Vec<&Neighbour> = known
        .neighbours
        .iter()
        .filter(|n| known.application.is_none_or(|a| !n.is_served_by(a)))
        .collect();
    for neighbour in &relying {
        let evidence = vec![neighbour.evidence.clone()];
        let what = "nothing else relies on the image as it is".to_owned();
        out.push(if neighbour.breaks {
            Condition::not_met(what, evidence)
        } else {
            Condition::unproven(what, evidence, "a look at it")
        });
    }
    if relying.is_empty() && site.context.is_some() {
        out.push(Condition::met("nothing else relies on the image as it is", Vec::new()));
    }
    if site.context.is_none()
        && site
            .roles
            .iter()
            .any(|r| matches!(r.role, Role::SourceCopy | Role::Manifests))
    {
        let says = match site.facts.context() {
            Some(context) => format!(
                "`{}` is not the build context: it has neither a source nor a manifest of what is built",
                context.name()
            ),
            None => "the build context is not known".to_owned(),
        };
        out.push(Condition::unproven(
            "nothing in the build context names a program or a library that only the old base image has",
            vec![Evidence::tool(says)],
            "the build context: `--context`",
        ));
    }
    out
}

fn build_places<'a>(site: &Site<'a>) -> impl Iterator<Item = crate::source::Span> + use<'a> {
    let roles = site.roles;
    roles.iter().filter(|r| r.role == Role::Build).map(|r| r.span)
}

/// A level on a base: its conditions, and the rewrite where none of them is broken.
fn with_base(
    site: &Site<'_>,
    known: &Known<'_>,
    level: Level,
    base: &RuntimeBase,
    common: &[Condition],
) -> (Vec<Condition>, Option<Candidate>) {
    let mut conditions = common.to_vec();
    conditions.extend(base.conditions.iter().cloned());
    let mut artifacts: Vec<Artifact> = known.artifacts.found.iter().map(|a| suit::suited(a, base)).collect();
    if level == Level::Artifacts || known.application.is_none() {
        artifacts.extend(suit::changed(known));
    }
    let lean = known.application.and_then(|a| a.lean.as_deref());
    let lean = lean.filter(|_| level == Level::Application);
    if let Some(application) = known.application {
        conditions.extend(application.conditions.iter().cloned());
    }
    if let Some(lean) = lean {
        conditions.extend(lean.conditions.iter().cloned());
        artifacts.retain(|a| !lean.left.contains(&a.path));
        for artifact in &mut artifacts {
            if let Some((_, part)) = lean.narrowed.iter().find(|(whole, _)| *whole == artifact.path) {
                artifact.path.clone_from(part);
            }
            if let Some((_, alter)) = lean.altered.iter().find(|(path, _)| *path == artifact.path)
                && artifact.alter.is_none()
            {
                artifact.alter = Some(alter.clone());
            }
        }
    }
    let below = artifacts.iter().find(|a| {
        let made = a
            .made_by
            .and_then(|place| site.file().instructions.get(place.instruction));
        a.alter.is_some() && made.is_some_and(|i| i.stage != Some(site.stage.id))
    });
    if let Some(artifact) = below {
        conditions.push(Condition::not_met(
            format!("the build of `{}` can be changed", artifact.path),
            vec![Evidence::tool("it stands in a stage that others may use")],
        ));
        return (conditions, None);
    }
    let altered = artifacts.iter().filter_map(|a| a.alter.as_ref());
    conditions.extend(altered.flat_map(|a| a.conditions.iter().cloned()));
    let mut trees = match level {
        Level::Application if known.application.is_none() => trees::trees(site, known.artifacts),
        _ => Trees::default(),
    };
    if known.application.is_none() {
        let copied = |path: &str| !path.is_empty() && trees.copied.iter().any(|tree| lies_in(path, tree));
        let made = known.needs.made.iter().filter(|(path, _)| !copied(path));
        conditions.extend(made.map(|(_, condition)| condition.clone()));
    }
    let deal = match known.application {
        Some(application) => {
            let idle = lean.map(|l| l.idle.as_slice()).unwrap_or_default();
            let parts = (application, artifacts.as_slice(), idle);
            deal::application(site, known.programs, parts, base, &mut trees.copied)
        }
        None => deal::deal(site, (known.programs, known.needs), &artifacts, level, &trees.copied),
    };
    let Some(deal) = deal else {
        conditions.push(Condition::not_met("something is built", Vec::new()));
        return (conditions, None);
    };
    let mut carried = carry::carry(site, known.programs, base, &deal);
    suit::drop_idle_path(&mut carried, &known.artifacts.found, base);
    conditions.extend(carried.conditions.iter().cloned());
    conditions.extend(deal.conditions.iter().cloned());
    conditions.extend(replay::replayed(site, &deal, base, known.application));
    let mut files: Vec<Need> = match level {
        Level::Artifacts => known
            .needs
            .files
            .iter()
            .filter(|n| n.context.is_some())
            .cloned()
            .collect(),
        _ => lean.map(|l| l.files.clone()).unwrap_or_default(),
    };
    let mut flags = Vec::new();
    if !files.is_empty() {
        let landing = Landing::of(site);
        files.retain(|need| !suit::runtime_copies(site, &landing, &deal, need));
        flags = owners::flags(site, &landing, base, &files, &mut conditions);
    }
    let caches = caches::caches(site, &deal, &artifacts, &trees.copied);
    let parts = Parts {
        level,
        deal: &deal,
        artifacts: &artifacts,
        trees: &trees.copied,
        context: &trees.context,
        files: &files,
        flags: &flags,
        trims: lean.map(|l| l.trims.as_slice()).unwrap_or_default(),
        application: known.application,
        caches: &caches,
        base,
        carried: &carried,
    };
    for program in known.programs {
        conditions.push(super::resolve::resolves(site, known, &parts, program));
    }
    if conditions.iter().any(|c| c.met == Met::No) {
        return (conditions, None);
    }
    let Some(composed) = compose::compose(site, &parts) else {
        return (conditions, None);
    };
    if let Err(wrong) = audit::audit(site, &composed.text, &carried) {
        conditions.push(Condition::not_met(
            "the rewritten file says the same as the old one",
            vec![Evidence::tool(wrong)],
        ));
        return (conditions, None);
    }
    let candidate = candidate::candidate(site, known, &parts, composed, &conditions);
    (conditions, Some(candidate))
}
