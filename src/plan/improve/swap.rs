//! A smaller base for a last stage that only runs what another one built.

use super::{development, estimate, here};
use crate::edit::{Edit, Effect};
use crate::knowledge::{self, Kind as ImageKind, Role as ImageRole};
use crate::model::{Kind, Stage, StageId, StageRef};
use crate::plan::artifact::{self, Artifact, ArtifactKind, Artifacts, Linkage, absolute};
use crate::plan::carry::{self, Carried, Origin};
use crate::plan::compose::{self, Parts};
use crate::plan::deal::{Deal, Lot};
use crate::plan::evidence::{Condition, Evidence, Met};
use crate::plan::need::{self, Needs};
use crate::plan::program::Program;
use crate::plan::role::{self, Role};
use crate::plan::runtime::{self, RuntimeBase};
use crate::plan::site::{self, Site};
use crate::plan::system::{self, Use};
use crate::plan::{Estimate, Level, Reason, levels, neighbour, replay, resolve};
use crate::shell::lies_in;
use std::collections::BTreeMap;

/// Another base for the last stage.
#[derive(Debug, Clone)]
pub(super) struct Swap {
    /// The base.
    pub base: RuntimeBase,
    /// The edits that put the stage on it.
    pub edits: Vec<Edit>,
    /// What the new stage is told of the old base.
    pub carried: Carried,
    /// What must hold for it.
    pub conditions: Vec<Condition>,
    /// What of the image changes.
    pub effects: Vec<Effect>,
    /// The sizes of the two bases.
    pub estimate: Option<Estimate>,
}

impl Swap {
    /// What does not hold.
    pub fn broken(&self) -> Option<Reason> {
        let broken = self.conditions.iter().find(|c| c.met == Met::No)?;
        Some(Reason {
            says: format!(
                "`{}` would not do: it does not hold that {}",
                self.base.reference, broken.what
            ),
            evidence: broken.evidence.clone(),
        })
    }

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

/// A gain below this share of the old base, in percent, is not worth a change.
const LEAST_SHARE: u32 = 10;
/// A gain below this, in megabytes, is not worth a change.
const LEAST_MEGABYTES: u32 = 10;

/// The bases that are smaller than the last stage's own, with what speaks for and against each.
pub(super) fn swaps(site: &Site<'_>, programs: &[Program]) -> Vec<Swap> {
    let Some(old) = site.base.filter(|_| site.stage.parent().is_none()) else {
        return Vec::new();
    };
    let heavy = old.image.role == ImageRole::Sdk || matches!(old.variant.kind, ImageKind::Full | ImageKind::Sdk);
    if !heavy {
        return Vec::new();
    }
    let mut common = Vec::new();
    for role in site.roles {
        let builds = matches!(
            role.role,
            Role::Build | Role::Test | Role::Dependencies { .. } | Role::Unknown | Role::Tool
        );
        if builds {
            common.push(Condition::not_met(
                "its last stage only runs what others built",
                vec![Evidence::command(role.span, role.why.says.clone())],
            ));
            break;
        }
    }
    let mut libraries = Vec::new();
    let (artifacts, needs) = received(site, programs, &mut common, &mut libraries);
    // An interpreted application may be known whole where it was built.
    let proven = match libraries.is_empty() {
        true => None,
        false => development::runs_on(site),
    };
    let system = system::system_packages(site, programs, &needs);
    for neighbour in neighbour::neighbours(site) {
        let what = "nothing else relies on the image as it is";
        common.push(match neighbour.breaks {
            true => Condition::not_met(what, vec![neighbour.evidence]),
            false => Condition::unproven(what, vec![neighbour.evidence], "a look at it"),
        });
    }
    let deal = Deal {
        lots: vec![
            Lot {
                runtime: true,
                ..Lot::default()
            };
            site.roles.len()
        ],
        anchor: 0,
        level: Level::Slim,
        conditions: Vec::new(),
    };
    // Package managers are looked at on their own.
    let set_up = Deal {
        lots: site
            .roles
            .iter()
            .map(|r| Lot {
                runtime: !matches!(r.role, Role::SystemPackages | Role::Cleanup | Role::Shell),
                ..Lot::default()
            })
            .collect(),
        ..deal.clone()
    };
    let bases = runtime::runtime_bases(site, programs, &artifacts, &needs, &system, None);
    let mut out = Vec::new();
    for mut base in bases {
        let sizes = (old.variant.size, base.variant.and_then(|v| v.size));
        let (Some(before), Some(after)) = sizes else { continue };
        if before.saturating_sub(after) < LEAST_MEGABYTES.max(before / 100 * LEAST_SHARE) {
            continue;
        }
        let mut conditions = common.clone();
        let same = |proven: &&RuntimeBase| proven.reference == base.reference && proven.files == base.files;
        let is_proven = match proven.as_ref().filter(same) {
            Some(proven) => {
                base.packages.clone_from(&proven.packages);
                true
            }
            None => {
                conditions.extend(libraries.iter().cloned());
                false
            }
        };
        conditions.extend(base.conditions.iter().cloned());
        conditions.extend(other_libc(&old, &base));
        let mut carried = carry::carry(site, programs, &base, &deal);
        levels::drop_idle_path(&mut carried, &artifacts.found, &base);
        conditions.extend(carried.conditions.iter().cloned());
        conditions.extend(replay::replayed(site, &set_up, &base, None));
        installs_again(site, &base, &mut conditions);
        let known = levels::Known {
            programs,
            artifacts: &artifacts,
            needs: &needs,
            system: &system,
            bases: &[],
            neighbours: &[],
            application: None,
        };
        let parts = Parts {
            level: Level::Slim,
            deal: &deal,
            artifacts: &artifacts.found,
            trees: &[],
            context: &[],
            flags: &[],
            files: &[],
            trims: &[],
            application: None,
            caches: &Default::default(),
            base: &base,
            carried: &carried,
        };
        // That holds what is started, too.
        if !is_proven {
            conditions.extend(programs.iter().map(|p| resolve::resolves(site, &known, &parts, p)));
        }
        // What the stage installs itself stands in it.
        for packages in &mut base.packages {
            let own = |name: &String| {
                system.found.iter().any(|p| match &p.use_ {
                    Use::Runtime(names) => names.contains(name),
                    _ => p.name == *name,
                })
            };
            packages.names.retain(|name| !own(name));
        }
        let Some(edits) = edits(site, &base, &carried) else {
            continue;
        };
        let mut effects = vec![Effect::Base, Effect::Files, Effect::Layers, Effect::Packages];
        effects.extend(carried.effects.iter().copied());
        out.push(Swap {
            edits,
            carried,
            conditions,
            effects,
            estimate: Some(estimate(before, after)),
            base,
        });
    }
    out
}

/// The same image with another C library is another distribution: its programs, its shell and its paths
/// are others, whatever the stage copies.
fn other_libc(old: &site::Base, base: &RuntimeBase) -> Option<Condition> {
    let variant = base.variant?;
    let same = old.image.variants.iter().any(|own| std::ptr::eq(own, variant));
    let builds = old.image.role == ImageRole::Sdk;
    (same && !builds && variant.libc != old.variant.libc).then(|| {
        Condition::unproven(
            format!("nothing counts on the distribution that `{}` leaves", base.reference),
            vec![Evidence::image("it has another C library")],
            "a run of the new image",
        )
    })
}

/// Packages that the stage installs have the same names on the new base.
fn installs_again(site: &Site<'_>, base: &RuntimeBase, conditions: &mut Vec<Condition>) {
    let installs = site.roles.iter().find(|r| r.role == Role::SystemPackages);
    let Some(role) = installs else { return };
    let manager = |variant: &knowledge::Variant| variant.packages;
    let same = site.base.map(|b| manager(b.variant)) == base.variant.map(manager);
    if !same {
        conditions.push(Condition::not_met(
            format!("`{}` has the package manager that the stage uses", base.reference),
            vec![Evidence::command(role.span, role.why.says.clone())],
        ));
    }
}

/// What the stage copies from others, as artifacts at the places where it puts them, and what the
/// sources of these say of run time; with what must hold for these, and for the libraries of what an
/// interpreter loads.
fn received(
    site: &Site<'_>,
    programs: &[Program],
    conditions: &mut Vec<Condition>,
    libraries: &mut Vec<Condition>,
) -> (Artifacts, Needs) {
    let mut out = Artifacts::default();
    let mut needs = Needs::default();
    let mut made: BTreeMap<StageId, Vec<Artifact>> = BTreeMap::new();
    let family = site.base.map_or("", |b| b.image.family);
    let interpreted = matches!(family, "node" | "python" | "ruby" | "php" | "perl" | "pypy");
    for instruction in site.file().instructions_of(site.stage) {
        let Some(transfer) = instruction.transfer() else {
            continue;
        };
        let Some((name, from)) = &transfer.from else { continue };
        let Some(stage) = from.stage().and_then(|id| site.file().stage(id)) else {
            conditions.push(Condition::unproven(
                format!("what comes from `{}` needs nothing of the base image", name.value),
                vec![here(site, instruction.index, "it is copied from an image")],
                "a run of the new image",
            ));
            continue;
        };
        let found = made
            .entry(stage.id)
            .or_insert_with(|| of_stage(site, stage, programs, &mut needs));
        let target = transfer
            .destination
            .as_ref()
            .and_then(|w| site.value(w, instruction.index));
        let target = target.and_then(|t| absolute(site.workdir_at(instruction.index).as_deref(), &t).map(|p| (t, p)));
        let Some((written, target)) = target else { continue };
        for source in &transfer.sources {
            let Some(source) = site.value(source, instruction.index) else {
                continue;
            };
            let Some(path) = absolute(Some("/"), &source) else {
                continue;
            };
            let mut any = false;
            for artifact in found.iter().filter(|a| lies_in(&a.path, &path)) {
                any = true;
                let inside = artifact.path.strip_prefix(path.as_str()).unwrap_or_default();
                let single = inside.is_empty() && !artifact.path.ends_with('/');
                let folder = written.ends_with('/') || transfer.sources.len() > 1;
                let to = match (single, folder) {
                    (true, true) => {
                        let name = artifact.path.rsplit('/').next().unwrap_or_default();
                        format!("{}/{name}", target.trim_end_matches('/'))
                    }
                    _ => format!("{}{inside}", target.trim_end_matches('/')),
                };
                out.found.push(Artifact {
                    path: to,
                    made_by: None,
                    alter: None,
                    ..artifact.clone()
                });
            }
            if !any {
                let to = if interpreted { &mut *libraries } else { &mut *conditions };
                to.push(Condition::unproven(
                    format!("`{source}` needs no library that only the old base image has"),
                    vec![here(site, instruction.index, "how it is made is not known")],
                    "a build that looks at its files",
                ));
                out.found.push(Artifact {
                    path: format!("{}/", target.trim_end_matches('/')),
                    kind: ArtifactKind::Tree,
                    made_by: None,
                    sources: vec![here(site, instruction.index, "it is copied")],
                    ecosystem: "",
                    alter: None,
                });
            }
        }
    }
    // What an interpreter loads may be native.
    if interpreted && let Some(tree) = out.found.iter().find(|a| a.kind == ArtifactKind::Tree) {
        libraries.push(Condition::unproven(
            format!(
                "nothing in `{}` needs a library that only the full image has",
                tree.path
            ),
            tree.sources.clone(),
            "a run of the new image",
        ));
    }
    let unknown = |a: &Artifact| {
        matches!(
            &a.kind,
            ArtifactKind::Binary {
                linkage: Linkage::Unknown,
                ..
            }
        )
    };
    if out.found.iter().any(unknown) {
        conditions.push(Condition::unproven(
            "it is known how the program is linked",
            Vec::new(),
            "a build that looks at it",
        ));
    }
    (out, needs)
}

/// What another stage makes, every program of it; needs of its sources are added.
fn of_stage(site: &Site<'_>, stage: &Stage, programs: &[Program], needs: &mut Needs) -> Vec<Artifact> {
    let roles = role::roles(site.facts, stage);
    let base = site::base_of(site.file(), stage);
    let other = Site {
        stage,
        base,
        roles: &roles,
        ..*site
    };
    let found = Artifacts {
        found: artifact::everything(&other),
        ..Artifacts::default()
    };
    let own = need::needs(&other, programs, &found);
    needs.certificates = needs.certificates.take().or(own.certificates);
    needs.zones = needs.zones.take().or(own.zones);
    needs.programs.extend(own.programs);
    needs.unnamed = needs.unnamed.take().or(own.unnamed);
    needs.words.extend(own.words);
    // Built for another C library than the stage's: nothing to go by.
    let libc = |b: Option<site::Base>| b.map(|b| b.variant.libc);
    if libc(base) != libc(site.base) {
        return found
            .found
            .into_iter()
            .filter(|a| !matches!(&a.kind, ArtifactKind::Binary { linkage, .. } if *linkage != Linkage::Static))
            .collect();
    }
    found.found
}

/// The edits that put the stage on another base: the image of its FROM, and behind it what the old
/// base gave.
fn edits(site: &Site<'_>, base: &RuntimeBase, carried: &Carried) -> Option<Vec<Edit>> {
    let file = site.file();
    let from = file.from_of(site.stage)?;
    let Kind::From { image, base: of, .. } = &from.kind else {
        return None;
    };
    if !matches!(of, StageRef::Image(_)) {
        return None;
    }
    let mut edits = vec![Edit::replace(image.span, base.reference.clone())];
    let mut lines = Vec::new();
    for carry in carried.instructions.iter().filter(|c| c.from == Origin::Base) {
        lines.push(carry.text.clone());
    }
    // WORKDIRs whose variables the old base gave.
    for carry in &carried.instructions {
        if let Origin::Instruction(index) = carry.from
            && !carry.text.is_empty()
            && let Some(old) = file.instructions.get(index).filter(|i| i.stage == Some(site.stage.id))
        {
            edits.push(Edit::replace(old.span, carry.text.clone()));
        }
    }
    lines.extend(compose::installs(site, base));
    if !base.files.is_empty() {
        return None;
    }
    if !lines.is_empty() {
        edits.push(Edit::insert(from.span.end, format!("\n{}", lines.join("\n"))));
    }
    Some(edits)
}
