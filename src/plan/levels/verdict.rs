//! What is to be done, and what it would save.

use super::{KNOWN, rank};
use crate::facts::ship;
use crate::knowledge::{self, PackageKind};
use crate::plan::evidence::{Evidence, Met};
use crate::plan::need::Needs;
use crate::plan::runtime::RuntimeBase;
use crate::plan::site::{Base, Site};
use crate::plan::{Candidate, Considered, Estimate, Reason, Verdict};
use crate::shell::{Action, Operation, Packages};

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
pub fn verdict(
    site: &Site<'_>,
    levels: &[Considered],
    candidates: &[Candidate],
    needs: &Needs,
) -> (Verdict, Option<Estimate>) {
    if candidates.is_empty() {
        return (Verdict::LeftAlone(why_not(levels)), None);
    }
    let Some(index) = choose(site, candidates) else {
        let old = site.stage.root_image.as_ref().map(|i| i.text.as_str());
        let same = |c: &Candidate| c.runtime.as_ref().map(|r| r.reference.as_str()) == old;
        let leaves = candidates.iter().map(|c| c.leaves).max().unwrap_or_default();
        if candidates.iter().all(same) && leaves < LEAST_BYTES {
            let small = |base: Base| matches!(base.variant.kind, knowledge::Kind::Slim | knowledge::Kind::Alpine);
            if site.base.is_some_and(small) {
                let reason = Reason {
                    says: "its base is small already, and nothing that only builds need is installed that would pay for a \
                           second stage"
                        .to_owned(),
                    evidence: vec![Evidence::image(format!("`{}` was looked up", old.unwrap_or_default()))],
                };
                return (Verdict::LeftAlone(vec![reason]), None);
            }
            if let Some(reason) = started(site, needs) {
                return (Verdict::LeftAlone(vec![reason]), None);
            }
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

/// Programs that run time starts and that the base has: compilers and build tools, which no smaller image
/// brings.
fn started(site: &Site<'_>, needs: &Needs) -> Option<Reason> {
    let own = site.base?.variant.config?;
    let slim = knowledge::config(None, "debian", "stable-slim")?;
    let only_there = |name: &str| own.has_program(name) && !slim.has_program(name);
    let found: Vec<_> = needs.programs.iter().filter(|(name, _)| only_there(name)).collect();
    let names: Vec<String> = found.iter().map(|(name, _)| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| Reason {
        says: format!(
            "no smaller image is known to have {}, which it starts",
            names.join(", ")
        ),
        evidence: found.into_iter().map(|(_, evidence)| evidence.clone()).collect(),
    })
}

/// Whether the bases alone show that it is worth a second stage; sizes that are not known do not
/// speak against it.
fn pays(site: &Site<'_>, candidate: &Candidate) -> bool {
    let old = site.stage.root_image.as_ref().map(|i| i.text.as_str());
    let same = candidate
        .runtime
        .as_ref()
        .is_some_and(|r| Some(r.reference.as_str()) == old);
    if same && candidate.leaves < LEAST_BYTES {
        return false;
    }
    estimate(site, candidate).is_none_or(|Estimate { before, after }| is_worth_it(before, after))
}

/// Whether an image of so many bytes less is worth another Dockerfile: from 10 % and 10 MB on.
pub fn is_worth_it(before: u64, after: u64) -> bool {
    before.saturating_sub(after) >= LEAST_BYTES.max(before / 100 * LEAST_SHARE)
}

/// About what a compiler takes with what it needs, in bytes; Debian's and Alpine's are alike.
const COMPILER: u64 = 200_000_000;
/// About what any other package that only builds need takes, in bytes.
const BUILD_PACKAGE: u64 = 10_000_000;
/// About what a toolchain from an archive takes, in bytes.
const ARCHIVE: u64 = 150_000_000;

/// About what an interpreter and its library take, in bytes.
const INTERPRETER: u64 = 50_000_000;

/// About what the old stage installs for its build; what an interpreted program installs comes along.
pub(super) fn installed(site: &Site<'_>, interpreted: bool, base: &RuntimeBase) -> u64 {
    let mut compiler = false;
    let mut others = 0;
    let mut archive = false;
    let slim = site
        .base
        .is_some_and(|b| matches!(b.variant.kind, knowledge::Kind::Slim | knowledge::Kind::Alpine));
    for instruction in site.instructions() {
        let Some(run) = site.facts.run(instruction) else {
            continue;
        };
        let cleans = ship::cleans_up(run.operations());
        let gone = Gone::of(run.operations());
        for operation in run.operations() {
            match operation {
                Operation::Packages(p) if p.manager.is_system() && p.installs() => {
                    let stays = |name: &str| {
                        let mut kept = base.packages.iter().flat_map(|p| &p.names);
                        kept.any(|kept| kept == name)
                    };
                    for package in p.packages.iter().filter(|n| !stays(&n.name) && !gone.has(p, &n.name)) {
                        let manager = p.manager.name();
                        match knowledge::package(manager, &package.name) {
                            Some(PackageKind::Compiler) => compiler = true,
                            // The larger images have the large ones already.
                            Some(_) if slim => {
                                others += knowledge::package_size(manager, &package.name).unwrap_or(BUILD_PACKAGE);
                            }
                            Some(_) => others += BUILD_PACKAGE,
                            None => {}
                        }
                    }
                }
                Operation::Packages(p) if p.installs() && !interpreted && !cleans => others += 3 * BUILD_PACKAGE,
                Operation::Extract(_) | Operation::GitClone(_) if !cleans => archive = true,
                _ => {}
            }
        }
    }
    others + if compiler { COMPILER } else { 0 } + if archive { ARCHIVE } else { 0 }
}

/// System packages that a script removes again.
#[derive(Default)]
struct Gone<'a> {
    /// Packages, or groups of them.
    named: Vec<&'a str>,
    /// Something is removed that it does not name: all that counts as not wanted.
    unnamed: bool,
}

impl<'a> Gone<'a> {
    fn of(operations: &'a [Operation]) -> Gone<'a> {
        let mut out = Gone::default();
        for operation in operations {
            if let Operation::Packages(p) = operation
                && p.manager.is_system()
                && matches!(p.action, Action::Remove | Action::Autoremove)
            {
                out.named.extend(p.packages.iter().map(|package| package.name.as_str()));
                out.unnamed |= p.packages.is_empty();
            }
        }
        // What only sweeps up behind a removal by name.
        out.unnamed &= out.named.is_empty();
        out
    }

    fn has(&self, install: &Packages, name: &str) -> bool {
        let named = |name: &str| self.named.contains(&name);
        self.unnamed || named(name) || install.group.as_deref().is_some_and(named)
    }
}

/// The sizes of the bases, and of what is installed for the build.
fn estimate(site: &Site<'_>, candidate: &Candidate) -> Option<Estimate> {
    let bytes = |size: u32| u64::from(size) * 1_000_000;
    let before = bytes(site.base?.variant.size?) + candidate.leaves;
    let base = candidate.runtime.as_ref()?;
    let after = match base.variant {
        Some(variant) => bytes(variant.size?),
        None => 0,
    };
    // What the new base has too comes twice.
    let again = |(_, paths): &(String, Vec<String>)| paths.iter().any(|p| p == "/usr/local");
    let twice = candidate.stages.last().is_some_and(|s| s.copies.iter().any(again));
    let after = after + if twice { INTERPRETER } else { 0 };
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
