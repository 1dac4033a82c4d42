//! What each level rests on, and the rewrites that can be written.

use super::artifact::{Artifact, ArtifactKind, Artifacts, Linkage};
use super::carry::{self, Carried, Origin};
use super::compose::{self, Composed, Parts};
use super::deal::{self, Deal};
use super::evidence::{Condition, Evidence, Met};
use super::need::{Need, Needs};
use super::neighbour::Neighbour;
use super::program::Program;
use super::role::Role;
use super::runtime::RuntimeBase;
use super::site::Site;
use super::system::SystemPackages;
use super::{Candidate, Considered, Estimate, Level, Reason, Tester, Verdict, audit, replay};
use crate::edit::{Applicability, Effect};
use crate::knowledge::{self, Libc, PackageKind};
use crate::model::Kind;
use crate::shell::Operation;

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
}

/// Levels that were considered, the boldest first, and the rewrites that could be written, the
/// boldest first and those that nothing speaks against before the others.
pub fn consider(site: &Site<'_>, known: &Known<'_>) -> (Vec<Considered>, Vec<Candidate>) {
    let mut levels = Vec::new();
    let mut candidates = Vec::new();
    for level in [Level::Artifacts, Level::Application] {
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

/// The candidate to take, of those that are worth it: the one with the least that is unproven, of
/// several the boldest.
pub fn choose(site: &Site<'_>, candidates: &[Candidate]) -> Option<usize> {
    let paying = (0..candidates.len()).filter(|at| candidates.get(*at).is_some_and(|c| pays(site, c)));
    paying.min_by_key(|&at| {
        let candidate = candidates.get(at);
        candidate.map(|c| (c.unsafe_because.len(), std::cmp::Reverse(c.level), at))
    })
}

/// A gain below this share of the image, in percent, is not worth a second stage.
const LEAST_SHARE: u64 = 10;
/// A gain below this, in bytes, is not worth a second stage.
const LEAST_BYTES: u64 = 10_000_000;

/// What is to be done, and how large the image is and would be.
pub fn verdict(site: &Site<'_>, levels: &[Considered], candidates: &[Candidate]) -> (Verdict, Option<Estimate>) {
    if candidates.is_empty() {
        return (Verdict::LeftAlone(why_not(levels)), None);
    }
    let Some(index) = choose(site, candidates) else {
        let old = site.stage.root_image.as_ref().map(|i| i.text.as_str());
        let same = |c: &Candidate| c.runtime.as_ref().map(|r| r.reference.as_str()) == old;
        if candidates.iter().all(same) {
            let tag = knowledge::Tag::parse(site.base_tag());
            let advice = match (tag.codename(), tag.alpine_word()) {
                (None, None) => "; a base whose tag names its release may tell",
                _ => "",
            };
            let reason = Reason {
                says: format!("no smaller image is known to have what it needs{advice}"),
                evidence: vec![Evidence::image(format!("`{}` was looked up", old.unwrap_or_default()))],
            };
            return (Verdict::LeftAlone(vec![reason]), None);
        }
        let best = candidates
            .iter()
            .filter_map(|c| estimate(site, c))
            .min_by_key(|e| e.after);
        if let Some(Estimate { before, after }) = best {
            let gain = before.saturating_sub(after);
            let reason = Reason {
                says: format!(
                    "it would save about {} MB of {} MB, which is not worth a second stage",
                    gain / 1_000_000,
                    before / 1_000_000
                ),
                evidence: vec![Evidence::image("sizes of the base images")],
            };
            return (Verdict::LeftAlone(vec![reason]), Some(Estimate { before, after }));
        }
        return (Verdict::LeftAlone(why_not(levels)), None);
    };
    let estimate = candidates.get(index).and_then(|c| estimate(site, c));
    (Verdict::Rewrite(index), estimate)
}

/// Whether the bases alone show that it is worth a second stage; sizes that are not known do not
/// speak against it.
fn pays(site: &Site<'_>, candidate: &Candidate) -> bool {
    estimate(site, candidate).is_none_or(|Estimate { before, after }| {
        before.saturating_sub(after) >= LEAST_BYTES.max(before / 100 * LEAST_SHARE)
    })
}

/// About what a compiler takes with what it needs, in bytes; Debian's and Alpine's are alike.
const COMPILER: u64 = 200_000_000;
/// About what any other package that only builds need takes, in bytes.
const BUILD_PACKAGE: u64 = 10_000_000;
/// About what a toolchain from an archive takes, in bytes.
const ARCHIVE: u64 = 150_000_000;

/// About what the old stage installs for its build.
fn installed(site: &Site<'_>) -> u64 {
    let mut compiler = false;
    let mut others = 0;
    let mut archive = false;
    for instruction in site.instructions() {
        let Some(run) = site.facts.run(instruction) else {
            continue;
        };
        for operation in run.operations() {
            match operation {
                Operation::Packages(p) if p.manager.is_system() && p.installs() => {
                    for package in &p.packages {
                        match knowledge::package(p.manager.name(), &package.name) {
                            Some(PackageKind::Compiler) => compiler = true,
                            Some(_) => others += 1,
                            None => {}
                        }
                    }
                }
                Operation::Packages(p) if p.installs() => others += 3,
                Operation::Extract(_) | Operation::GitClone(_) => archive = true,
                _ => {}
            }
        }
    }
    others * BUILD_PACKAGE + if compiler { COMPILER } else { 0 } + if archive { ARCHIVE } else { 0 }
}

/// The sizes of the bases, and of what is installed for the build.
fn estimate(site: &Site<'_>, candidate: &Candidate) -> Option<Estimate> {
    let bytes = |size: u32| u64::from(size) * 1_000_000;
    let before = bytes(site.base?.variant.size?) + installed(site);
    let base = candidate.runtime.as_ref()?;
    let after = match base.variant {
        Some(variant) => bytes(variant.size?),
        None => 0,
    };
    Some(Estimate { before, after })
}

/// What speaks against the level that came nearest.
fn why_not(levels: &[Considered]) -> Vec<Reason> {
    let nearest = levels.iter().min_by_key(|l| (rank(&l.conditions), l.level));
    let broken = nearest
        .into_iter()
        .flat_map(|l| &l.conditions)
        .filter(|c| c.met == Met::No);
    broken
        .map(|c| Reason {
            says: negated(&c.what),
            evidence: c.evidence.clone(),
        })
        .collect()
}

/// A condition that does not hold, as a sentence.
fn negated(what: &str) -> String {
    if what == KNOWN {
        return "what the build makes is not known".to_owned();
    }
    // The first verb outside of what is quoted.
    let verbs = [
        (" can be ", " cannot be "),
        (" is ", " is not "),
        (" are ", " are not "),
        (" exists", " does not exist"),
        (" has ", " does not have "),
        (" agree ", " do not agree "),
    ];
    let mut quoted = false;
    for (at, c) in what.char_indices() {
        quoted ^= c == '`';
        if quoted {
            continue;
        }
        let rest = what.get(at..).unwrap_or_default();
        if let Some((verb, not)) = verbs.iter().find(|(verb, _)| rest.starts_with(verb)) {
            let before = what.get(..at).unwrap_or_default();
            let behind = rest.get(verb.len()..).unwrap_or_default();
            return format!("{before}{not}{behind}");
        }
    }
    format!("it does not hold that {what}")
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
    out.extend(known.artifacts.conditions.iter().cloned());
    for artifact in &known.artifacts.found {
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
    for neighbour in known.neighbours {
        let evidence = vec![neighbour.evidence.clone()];
        let what = "nothing else relies on the image as it is".to_owned();
        out.push(if neighbour.breaks {
            Condition::not_met(what, evidence)
        } else {
            Condition::unproven(what, evidence, "a look at it")
        });
    }
    if known.neighbours.is_empty() && site.context.is_some() {
        out.push(Condition::met("nothing else relies on the image as it is", Vec::new()));
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
    let mut artifacts: Vec<Artifact> = known.artifacts.found.iter().map(|a| suited(a, base)).collect();
    if level == Level::Artifacts {
        artifacts.extend(changed(known));
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
    let mut carried = carry::carry(site, known.programs, base);
    drop_idle_path(&mut carried, &known.artifacts.found, base);
    conditions.extend(carried.conditions.iter().cloned());
    let trees = if level == Level::Application {
        trees(site, known.artifacts)
    } else {
        Trees::default()
    };
    let Some(deal) = deal::deal(site, known.programs, &artifacts, level, &trees.copied) else {
        conditions.push(Condition::not_met("something is built", Vec::new()));
        return (conditions, None);
    };
    conditions.extend(deal.conditions.iter().cloned());
    conditions.extend(replay::replayed(site, &deal, base));
    let mut files: Vec<Need> = match level {
        Level::Artifacts => known
            .needs
            .files
            .iter()
            .filter(|n| n.context.is_some())
            .cloned()
            .collect(),
        _ => Vec::new(),
    };
    files.retain(|need| !runtime_copies(site, &deal, need));
    let parts = Parts {
        level,
        deal: &deal,
        artifacts: &artifacts,
        trees: &trees.copied,
        context: &trees.context,
        files: &files,
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
    let candidate = candidate(site, known, &parts, composed, &conditions);
    (conditions, Some(candidate))
}

/// Folders of the old PATH are only wanted where something is copied to one of them.
fn drop_idle_path(carried: &mut Carried, artifacts: &[Artifact], base: &RuntimeBase) {
    let filled = |folder: &str| {
        let inside = |path: &str| path.starts_with(&format!("{}/", folder.trim_end_matches('/')));
        artifacts.iter().any(|a| inside(&a.path)) || base.files.iter().any(|f| inside(&f.to))
    };
    carried.instructions.retain(|carry| {
        let folders = carry
            .text
            .strip_prefix("ENV PATH=")
            .filter(|_| carry.from == Origin::Base);
        folders.is_none_or(|list| list.split(':').any(|folder| !folder.starts_with('$') && filled(folder)))
    });
}

/// Files that the build changes in place are copied from where it does.
fn changed<'k>(known: &'k Known<'_>) -> impl Iterator<Item = Artifact> + 'k {
    let files = known.needs.files.iter().filter(|n| n.context.is_none() && !n.written);
    files.map(|need| Artifact {
        path: need.path.clone(),
        kind: ArtifactKind::Tree,
        made_by: None,
        sources: need.evidence.clone(),
        ecosystem: "",
        alter: None,
    })
}

/// The artifact as it is built for a base: altered only where it would not run there otherwise.
fn suited(artifact: &Artifact, base: &RuntimeBase) -> Artifact {
    let libc = base.variant.map_or(Libc::None, |v| v.libc);
    let ArtifactKind::Binary { linkage, .. } = &artifact.kind else {
        return artifact.clone();
    };
    let runs = matches!(
        (linkage, libc),
        (Linkage::Static, _)
            | (Linkage::DynamicGlibc | Linkage::Unknown, Libc::Glibc)
            | (Linkage::DynamicMusl, Libc::Musl)
    );
    let mut suited = artifact.clone();
    match &artifact.alter {
        Some(_) if runs => suited.alter = None,
        Some(alter) => suited.kind = alter.kind.clone(),
        None => {}
    }
    suited
}

/// Whether a COPY that goes to the runtime as it is brings the file.
fn runtime_copies(site: &Site<'_>, deal: &Deal, need: &Need) -> bool {
    let Some(wanted) = &need.context else { return false };
    site.roles.iter().zip(&deal.lots).any(|(role, lot)| {
        lot.runtime
            && site
                .file()
                .instructions
                .get(role.place.instruction)
                .and_then(|i| i.transfer())
                .filter(|t| t.from.is_none())
                .is_some_and(|t| {
                    t.sources.iter().any(|s| {
                        let source = s.value.trim_start_matches("./").trim_matches('/');
                        source == wanted.trim_matches('/')
                            || source.is_empty()
                            || wanted.starts_with(&format!("{source}/"))
                    })
                })
    })
}

/// Which folders come along at [`Level::Application`].
#[derive(Debug, Default)]
struct Trees {
    /// From the builder, as a whole.
    copied: Vec<String>,
    /// Instructions that copy from the build context, once more.
    context: Vec<usize>,
}

/// Folders that are no application's own.
const SYSTEM: [&str; 14] = [
    "/",
    "/bin",
    "/etc",
    "/go",
    "/go/src",
    "/home",
    "/lib",
    "/opt",
    "/root",
    "/sbin",
    "/srv",
    "/usr",
    "/usr/local",
    "/var",
];

/// The application's folders: from the builder as they are, or from the build context again where
/// what the build leaves in them is large.
fn trees(site: &Site<'_>, artifacts: &Artifacts) -> Trees {
    let mut out = Trees::default();
    let leaves_much = artifacts
        .found
        .iter()
        .any(|a| matches!(a.ecosystem, "rust" | "node" | "swift" | "elixir" | "haskell"));
    for role in site.roles.iter().filter(|r| r.role == Role::SourceCopy) {
        let Some(instruction) = site.file().instructions.get(role.place.instruction) else {
            continue;
        };
        let Some(transfer) = instruction.transfer() else {
            continue;
        };
        let folder = transfer
            .destination
            .as_ref()
            .and_then(|word| site.file().expand(word, instruction.index).ok())
            .and_then(|e| absolute(site.workdir_at(instruction.index).as_deref(), &e.value));
        match folder {
            Some(folder) if !leaves_much && !SYSTEM.contains(&folder.as_str()) => {
                // A file's copy ends in a file; its folder is the working directory's.
                let folder = match site.workdir() {
                    Some(dir)
                        if folder.starts_with(&format!("{dir}/")) && dir != "/" && !SYSTEM.contains(&dir.as_str()) =>
                    {
                        dir
                    }
                    _ => folder,
                };
                if !out.copied.contains(&folder) {
                    out.copied.push(folder);
                }
            }
            _ => out.context.push(instruction.index),
        }
    }
    // A folder inside another comes with it.
    let all = out.copied.clone();
    out.copied.retain(|tree| {
        !all.iter()
            .any(|other| other != tree && tree.starts_with(&format!("{other}/")))
    });
    out
}

/// A path made absolute; none where it is relative and the working directory is not known.
pub fn absolute(workdir: Option<&str>, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let before = if path.starts_with('/') { "" } else { workdir? };
    for part in before.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

fn candidate(
    site: &Site<'_>,
    known: &Known<'_>,
    parts: &Parts<'_>,
    composed: Composed,
    conditions: &[Condition],
) -> Candidate {
    let unsafe_because: Vec<Reason> = conditions
        .iter()
        .filter(|c| c.met == Met::Unproven)
        .map(|c| Reason {
            says: format!("it is not proven that {}", c.what),
            evidence: c.evidence.clone(),
        })
        .collect();
    let mut effects = vec![
        Effect::Base,
        Effect::Files,
        Effect::Layers,
        Effect::Stages,
        Effect::Packages,
        Effect::Leftovers,
    ];
    effects.extend(parts.carried.effects.iter().copied());
    effects.sort_unstable();
    effects.dedup();
    let mut announces: Vec<String> = Vec::new();
    if let Some(tester) = &composed.tester {
        announces.push(match site.options.tester {
            Tester::Gate => format!("the tests run in the stage `{tester}`, which the image is copied from"),
            _ => format!("the default build no longer runs the tests; in CI: docker build --target {tester} ."),
        });
    }
    announces.extend(
        parts
            .artifacts
            .iter()
            .filter_map(|a| a.alter.as_ref())
            .map(|a| a.says.clone()),
    );
    announces.extend(parts.carried.lost.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    announces.retain(|a| seen.insert(a.clone()));
    Candidate {
        level: parts.level,
        runtime: Some(parts.base.clone()),
        text: with_line_ends(site, composed.text),
        applicability: if unsafe_because.is_empty() {
            Applicability::Safe
        } else {
            Applicability::Unsafe
        },
        checks: checks(site, known, &unsafe_because),
        unsafe_because,
        effects,
        announces,
        stages: composed.stages,
    }
}

/// What a build and a run of it must show.
fn checks(site: &Site<'_>, known: &Known<'_>, unproven: &[Reason]) -> Vec<String> {
    let mut out = vec!["the image starts, and prints, listens and ends as before".to_owned()];
    let binaries: Vec<&Artifact> = known
        .artifacts
        .found
        .iter()
        .filter(|a| matches!(a.kind, super::ArtifactKind::Binary { .. }))
        .collect();
    for artifact in binaries {
        out.push(format!("`{}` finds its loader and libraries", artifact.path));
    }
    let exposed = site.instructions().any(|i| matches!(i.kind, Kind::Expose(_)));
    if exposed {
        out.push("it answers on the ports that it exposes".to_owned());
    }
    out.extend(
        unproven
            .iter()
            .map(|r| r.says.replacen("it is not proven that ", "", 1)),
    );
    out
}

fn with_line_ends(site: &Site<'_>, text: String) -> String {
    let old = site.file().source.text();
    let crlf = old.matches("\r\n").count() * 2 > old.matches('\n').count();
    if crlf { text.replace('\n', "\r\n") } else { text }
}
