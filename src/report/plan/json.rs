//! A plan for programs.

use super::{applicability_name, level_name, source_name};
use crate::model::Dockerfile;
use crate::plan::{Candidate, Condition, Evidence, Met, Plan, Reason, Use, Verdict, What};
use serde_json::{Value, json};

/// Draws it; `version` counts changes that break readers.
pub fn draw(file: &Dockerfile, plan: &Plan) -> String {
    let value = json!({
        "version": 1,
        "path": file.source.name(),
        "verdict": verdict(file, plan),
        "roles": plan.roles.iter().map(|r| json!({
            "line": file.source.lines().line(r.span.start),
            "start": r.span.start,
            "end": r.span.end,
            "role": r.role.name(),
            "why": r.why.says,
        })).collect::<Vec<_>>(),
        "programs": plan.programs.iter().map(|p| json!({
            "words": p.words,
            "via": p.via,
            "what": what(&p.what),
            "evidence": all(file, &p.evidence),
        })).collect::<Vec<_>>(),
        "artifacts": plan.artifacts.iter().map(|a| json!({
            "path": a.path,
            "ecosystem": a.ecosystem,
            "evidence": all(file, &a.sources),
        })).collect::<Vec<_>>(),
        "needs": {
            "files": plan.needs.files.iter().map(|n| json!({
                "path": n.path,
                "context": n.context,
                "written": n.written,
                "evidence": all(file, &n.evidence),
            })).collect::<Vec<_>>(),
            "env": plan.needs.env,
            "packages": plan.wanted.iter().map(|w| json!({
                "name": w.name,
                "language": w.language.name(),
                "without": w.without,
                "evidence": [one(file, &w.evidence)],
            })).collect::<Vec<_>>(),
            "programs": plan.needs.programs.iter().map(|(name, why)| json!({
                "name": name,
                "evidence": [one(file, why)],
            })).collect::<Vec<_>>(),
            "certificates": plan.needs.certificates.as_ref().map(|e| one(file, e)),
            "time-zones": plan.needs.zones.as_ref().map(|e| one(file, e)),
        },
        "system-packages": plan.system.found.iter().map(|p| {
            let (use_, names) = match &p.use_ {
                Use::Build => ("build", Vec::new()),
                Use::Runtime(names) => ("runtime", names.clone()),
                Use::Unclear(_) => ("unclear", Vec::new()),
            };
            json!({
                "name": p.name,
                "manager": p.manager.name(),
                "use": use_,
                "runtime-names": names,
                "evidence": all(file, &p.evidence),
            })
        }).collect::<Vec<_>>(),
        "neighbours": plan.neighbours.iter().map(|n| json!({
            "says": n.says,
            "breaks": n.breaks,
            "evidence": [one(file, &n.evidence)],
        })).collect::<Vec<_>>(),
        "levels": plan.levels.iter().map(|l| json!({
            "level": level_name(l.level),
            "conditions": l.conditions.iter().map(|c| condition(file, c)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "candidates": plan.candidates.iter().map(|c| candidate(file, c)).collect::<Vec<_>>(),
        "untested": plan.untested.as_ref().map(|u| u.command.as_str()),
        "estimate": plan.estimate.map(|e| json!({ "before": e.before, "after": e.after })),
    });
    // A value made of strings and numbers can be written.
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

fn verdict(file: &Dockerfile, plan: &Plan) -> Value {
    match &plan.verdict {
        Verdict::Rewrite(index) => json!({ "rewrite": index }),
        Verdict::LeftAlone(reasons) => json!({
            "left-alone": reasons.iter().map(|r| reason(file, r)).collect::<Vec<_>>(),
        }),
    }
}

fn reason(file: &Dockerfile, reason: &Reason) -> Value {
    json!({ "says": reason.says, "evidence": all(file, &reason.evidence) })
}

fn one(file: &Dockerfile, evidence: &Evidence) -> Value {
    json!({ "from": source_name(file, evidence), "says": evidence.says })
}

fn all(file: &Dockerfile, evidence: &[Evidence]) -> Vec<Value> {
    evidence.iter().map(|e| one(file, e)).collect()
}

fn condition(file: &Dockerfile, condition: &Condition) -> Value {
    json!({
        "what": condition.what,
        "met": match condition.met {
            Met::Yes => "yes",
            Met::Unproven => "unproven",
            Met::No => "no",
        },
        "evidence": all(file, &condition.evidence),
        "would-prove": condition.would_prove,
    })
}

fn what(what: &What) -> Value {
    match what {
        What::File { path } => json!({ "file": path }),
        What::Interpreter { program, script } => json!({ "interpreter": program, "script": script }),
        What::FromPath { name } => json!({ "from-path": name }),
        What::CompilesAtStart { tool } => json!({ "compiles-at-start": tool }),
        What::DevServer { tool } => json!({ "development-server": tool }),
        What::Shell => json!("shell"),
        What::Unknown(why) => json!({ "unknown": why }),
    }
}

fn candidate(file: &Dockerfile, candidate: &Candidate) -> Value {
    json!({
        "level": level_name(candidate.level),
        "runtime": candidate.runtime.as_ref().map(|r| r.reference.clone()),
        "applicability": applicability_name(candidate.applicability),
        "unsafe-because": candidate.unsafe_because.iter().map(|r| reason(file, r)).collect::<Vec<_>>(),
        "effects": candidate.effects,
        "announces": candidate.announces,
        "checks": candidate.checks,
        "stages": candidate.stages.iter().map(|s| json!({
            "name": s.name,
            "role": s.role,
            "base": s.base,
            "copies": s.copies.iter().map(|(from, paths)| json!({ "from": from, "paths": paths })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "text": candidate.text,
    })
}
