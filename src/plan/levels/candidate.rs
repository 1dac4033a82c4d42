//! A rewrite with what is to be said of it.

use super::Known;
use super::verdict::installed;
use crate::edit::{Applicability, Effect};
use crate::model::Kind;
use crate::plan::application::Lean;
use crate::plan::artifact::{Artifact, ArtifactKind};
use crate::plan::compose::{Composed, Parts};
use crate::plan::evidence::{Condition, Met};
use crate::plan::site::Site;
use crate::plan::{Candidate, Reason, Tester};

pub(super) fn candidate(
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
    if parts.caches.new_need {
        announces.push("the build needs BuildKit now, for its cache mounts".to_owned());
    }
    let lean = known.application.and_then(|a| a.lean.as_deref());
    let lean = lean.filter(|_| parts.level == crate::plan::Level::Application);
    announces.extend(lean.into_iter().flat_map(|l| l.all_announces().cloned()));
    let own = known.application.map_or(0, |a| a.leaves) + lean.map_or(0, Lean::all_leaves);
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
        leaves: installed(site, known.application.is_some(), parts.base) + own,
    }
}

/// What a build and a run of it must show.
fn checks(site: &Site<'_>, known: &Known<'_>, unproven: &[Reason]) -> Vec<String> {
    let mut out = vec!["the image starts, and prints, listens and ends as before".to_owned()];
    let binaries: Vec<&Artifact> = known
        .artifacts
        .found
        .iter()
        .filter(|a| matches!(a.kind, ArtifactKind::Binary { .. }))
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
