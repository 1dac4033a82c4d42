//! Files that build in one stage and run in another already: what their last stage still ships that
//! nothing needs, and stages that are known by a number only.
//!
//! Nothing is dealt out anew: the author's stages stay, and edits are made in place. The last stage's
//! base image is the one thing that weighs: an SDK, or the full image of a language, under a program
//! that was built elsewhere.

mod copied;
mod development;
mod names;
mod swap;
mod tested;

use super::program::Program;
use super::site::Site;
use super::{Candidate, Considered, Estimate, Evidence, Level, Plan, PlannedStage, Reason, Verdict};
use crate::edit::{Applicability, Edit, Effect};
use crate::facts::Facts;
use crate::model::Dockerfile;
use crate::source::SourceFile;
use development::Shed;
use swap::Swap;

/// Whether the target's own stage copies from other stages: it was split by somebody already.
pub fn is_split(site: &Site<'_>) -> bool {
    site.file().instructions_of(site.stage).iter().any(|i| {
        i.transfer()
            .is_some_and(|t| t.from.as_ref().is_some_and(|(_, from)| from.stage().is_some()))
    })
}

/// Plans the improvements of a file that [`is_split`].
pub fn improve(site: &Site<'_>, programs: &[Program], plan: &mut Plan) {
    if let Some(candidate) = root(site).or_else(|| without_tests(site)) {
        plan.verdict = Verdict::Rewrite(0);
        plan.candidates.push(candidate);
        return;
    }
    let named = names::names(site);
    // A base image under another root is of no account.
    let swaps = if Level::Slim <= site.options.level && copied::reasons(site).is_empty() {
        swap::swaps(site, programs)
    } else {
        Vec::new()
    };
    for Swap { conditions, .. } in &swaps {
        let better = plan.levels.is_empty();
        if better {
            plan.levels.push(Considered {
                level: Level::Slim,
                conditions: conditions.clone(),
            });
        }
    }
    let mut refused: Option<Reason> = None;
    let shed = development::shed(site);
    if let Some(shed) = &shed {
        plan.levels.insert(
            0,
            Considered {
                level: Level::Application,
                conditions: shed.conditions.clone(),
            },
        );
        plan.candidates.push(shed_alone(site, shed, &named));
    }
    for swap in swaps {
        match swap.broken() {
            Some(reason) => refused = refused.or(Some(reason)),
            None => {
                // With fewer packages, and without.
                for shed in shed.as_ref().map(Some).into_iter().chain([None]) {
                    match rewritten(site, &swap, shed, &named) {
                        Ok(candidate) => {
                            plan.estimate = plan.estimate.or(swap.estimate);
                            plan.candidates.push(candidate);
                        }
                        Err(wrong) => {
                            refused = refused.or(Some(Reason {
                                says: format!("its last stage cannot be put on another image: {wrong}"),
                                evidence: Vec::new(),
                            }));
                        }
                    }
                }
            }
        }
    }
    let safest = (0..plan.candidates.len()).min_by_key(|at| {
        let candidate = plan.candidates.get(*at);
        // Another base weighs more than packages.
        candidate.map(|c| (c.unsafe_because.len(), c.runtime.is_none(), *at))
    });
    plan.verdict = match safest {
        Some(at) => Verdict::Rewrite(at),
        None => {
            plan.estimate = None;
            let mut reasons = vec![Reason {
                says: "its last stage copies from others already".to_owned(),
                evidence: Vec::new(),
            }];
            reasons.extend(copied::reasons(site));
            reasons.extend(refused);
            Verdict::LeftAlone(reasons)
        }
    };
    if safest.is_none() && !named.edits.is_empty() {
        let candidate = candidate(site, &named.edits, Level::Order, &[], Vec::new());
        plan.candidates.push(candidate);
        plan.verdict = Verdict::Rewrite(0);
    }
}

/// The rewrite of a file whose last stage is another one's whole root on `scratch`: planned as if it
/// were built on that stage, which also brings settings that a copy does not.
fn root(site: &Site<'_>) -> Option<Candidate> {
    let copied = copied::inherited(site)?;
    let (again, _) = planned(site, &copied.text);
    let chosen = again.chosen().filter(|c| c.level > Level::Order)?.clone();
    let says = format!(
        "the image no longer holds the whole root of `{}`, and has the settings of that stage",
        copied.from
    );
    let reason = Reason {
        says: says.clone(),
        evidence: copied.evidence,
    };
    let announces = chosen.announces.iter().cloned().chain([says]).collect();
    let chosen = Candidate { announces, ..chosen };
    Some(changed_before(chosen, reason, [Effect::Env, Effect::Files]))
}

/// The plan of another text in the file's place, and that text's file.
fn planned(site: &Site<'_>, text: &str) -> (Plan, Dockerfile) {
    let file = Dockerfile::parse(SourceFile::new(site.file().source.name(), text.to_owned()));
    let plan = super::once(&Facts::new(&file, site.context), site.options);
    (plan, file)
}

/// A candidate that was planned for a text with a change of its own, for a reason that makes it unsafe.
fn changed_before(mut candidate: Candidate, reason: Reason, effects: [Effect; 2]) -> Candidate {
    candidate.effects.extend(effects);
    candidate.effects.sort_unstable();
    candidate.effects.dedup();
    candidate.applicability = candidate.applicability.min(Applicability::Unsafe);
    candidate.unsafe_because.insert(0, reason);
    candidate
}

/// The rewrite of a file whose last stage runs tests: they stand in a stage of their own, and the rest
/// is planned without them.
fn without_tests(site: &Site<'_>) -> Option<Candidate> {
    let moved = tested::moved(site)?;
    let announced = format!(
        "the default build no longer runs the tests; in CI: docker build --target {} .",
        moved.tester
    );
    let evidence = site.roles.iter().find(|r| r.role == super::Role::Test);
    let says = "it is not proven that the tests need nothing of the last stage but what it copies".to_owned();
    let reason = Reason {
        says,
        evidence: evidence
            .map(|r| Evidence::command(r.span, r.why.says.clone()))
            .into_iter()
            .collect(),
    };
    let (again, file) = planned(site, &moved.text);
    let mut chosen = match again.chosen() {
        Some(chosen) => chosen.clone(),
        None => Candidate {
            text: moved.text,
            stages: stages(site, file.source.text()),
            ..candidate(site, &[], Level::Order, &[], Vec::new())
        },
    };
    chosen.announces.insert(0, announced);
    Some(changed_before(chosen, reason, [Effect::Stages, Effect::Layers]))
}

/// The file with less to copy, its stages named.
fn shed_alone(site: &Site<'_>, shed: &Shed, named: &names::Named) -> Candidate {
    let mut edits = shed.edits.clone();
    edits.extend(named.edits.iter().cloned());
    let mut candidate = candidate(site, &edits, Level::Application, &SHED, shed.unproven());
    candidate.announces = shed.announces.clone();
    candidate.leaves = shed.leaves;
    candidate
}

/// What of the image changes where it gets fewer packages.
const SHED: [Effect; 3] = [Effect::Files, Effect::Layers, Effect::Packages];

/// The file on another base, with less to copy where that is known, its stages named.
fn rewritten(site: &Site<'_>, swap: &Swap, shed: Option<&Shed>, named: &names::Named) -> Result<Candidate, String> {
    let mut edits = swap.edits.clone();
    edits.extend(named.edits.iter().cloned());
    let mut unproven = swap.unproven();
    let mut effects = swap.effects.clone();
    if let Some(shed) = shed {
        edits.extend(shed.edits.iter().cloned());
        unproven.extend(shed.unproven());
        effects.extend(SHED);
    }
    let mut candidate = candidate(site, &edits, Level::Slim, &effects, unproven);
    super::audit::audit(site, &candidate.text, &swap.carried)?;
    candidate.announces = swap.carried.lost.clone();
    if let Some(shed) = shed {
        candidate.announces.extend(shed.announces.iter().cloned());
        candidate.leaves = shed.leaves;
    }
    candidate.runtime = Some(swap.base.clone());
    Ok(candidate)
}

fn candidate(site: &Site<'_>, edits: &[Edit], level: Level, effects: &[Effect], unproven: Vec<Reason>) -> Candidate {
    let mut checks = Vec::new();
    if level > Level::Order {
        checks.push("the image starts, and prints, listens and ends as before".to_owned());
    }
    checks.extend(
        unproven
            .iter()
            .map(|r| r.says.replacen("it is not proven that ", "", 1)),
    );
    let mut effects = effects.to_vec();
    effects.sort_unstable();
    effects.dedup();
    let text = applied(site, edits);
    Candidate {
        level,
        runtime: None,
        stages: stages(site, &text),
        text,
        applicability: if unproven.is_empty() {
            Applicability::Safe
        } else {
            Applicability::Unsafe
        },
        unsafe_because: unproven,
        effects,
        announces: Vec::new(),
        leaves: 0,
        checks,
    }
}

/// The text with edits made, which do not overlap.
fn applied(site: &Site<'_>, edits: &[Edit]) -> String {
    let old = site.file().source.text();
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|e| (e.span.start, e.span.end));
    let crlf = old.matches("\r\n").count() * 2 > old.matches('\n').count();
    let mut out = String::with_capacity(old.len() + 256);
    let mut done = 0;
    for edit in edits {
        if edit.span.start < done {
            continue;
        }
        out.push_str(old.get(done..edit.span.start).unwrap_or_default());
        match crlf {
            true => out.push_str(&edit.text.replace('\n', "\r\n")),
            false => out.push_str(&edit.text),
        }
        done = edit.span.end;
    }
    out.push_str(old.get(done..).unwrap_or_default());
    out
}

/// The stages of the new text, for pictures.
pub(super) fn stages(site: &Site<'_>, text: &str) -> Vec<PlannedStage> {
    let file = Dockerfile::parse(SourceFile::new(site.file().source.name(), text));
    let target = file.target().map(|s| s.id);
    let name_of = |id| {
        file.stage(id)
            .map(|s: &crate::model::Stage| s.name.clone().unwrap_or_else(|| s.id.0.to_string()))
            .unwrap_or_default()
    };
    file.stages
        .iter()
        .map(|stage| PlannedStage {
            name: stage.name.clone().unwrap_or_default(),
            role: if Some(stage.id) == target { "runtime" } else { "builder" },
            base: match stage.parent() {
                Some(id) => name_of(id),
                None => stage.image.as_ref().map(|i| i.text.clone()).unwrap_or_default(),
            },
            copies: file
                .instructions_of(stage)
                .iter()
                .filter_map(|i| {
                    let transfer = i.transfer()?;
                    let (from, _) = transfer.from.as_ref()?;
                    let paths = transfer.sources.iter().map(|s| s.value.clone()).collect();
                    Some((from.value.clone(), paths))
                })
                .collect(),
            says: file
                .instructions_of(stage)
                .iter()
                .map(|i| super::deal::short(file.source.slice(i.span)))
                .collect(),
        })
        .collect()
}

/// Sizes of two bases, in bytes.
fn estimate(before: u32, after: u32) -> Estimate {
    Estimate {
        before: u64::from(before) * 1_000_000,
        after: u64::from(after) * 1_000_000,
    }
}

/// Evidence that an instruction is.
fn here(site: &Site<'_>, index: usize, says: impl Into<String>) -> Evidence {
    match site.file().instructions.get(index) {
        Some(instruction) => Evidence::command(instruction.span, says),
        None => Evidence::tool(says),
    }
}

#[cfg(test)]
mod tests;
