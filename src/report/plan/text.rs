//! A plan for people.

use super::{level_name, source_name};
use crate::edit::Applicability;
use crate::model::Dockerfile;
use crate::plan::{Candidate, Condition, Evidence, Met, Plan, Reason, Role, Use, Verdict, What};
use std::fmt::Write;

/// Draws it. What is longest, the rewritten file, stands last.
pub fn draw(file: &Dockerfile, plan: &Plan) -> String {
    let mut out = String::new();
    let name = file.source.name();
    match (&plan.verdict, plan.chosen()) {
        (Verdict::Rewrite(_), Some(candidate)) => head(&mut out, name, plan, candidate),
        (Verdict::LeftAlone(reasons), _) => {
            let _ = writeln!(out, "{name}: left as it is");
            for reason in reasons {
                self::reason(&mut out, file, reason);
            }
        }
        _ => {}
    }
    roles(&mut out, file, plan);
    programs(&mut out, file, plan);
    made(&mut out, file, plan);
    levels(&mut out, file, plan);
    if let Some(untested) = &plan.untested {
        title(&mut out, "Tests that no stage runs");
        let _ = writeln!(out, "  {}", untested.command);
        evidence(&mut out, file, std::slice::from_ref(&untested.evidence), "      ");
        let _ = writeln!(
            out,
            "      a stage for them: mbopt lint --select tests-not-run --fix --unsafe-fixes"
        );
    }
    if let Some(candidate) = plan.chosen() {
        said(&mut out, file, candidate);
    }
    out
}

fn head(out: &mut String, name: &str, plan: &Plan, candidate: &Candidate) {
    let trust = match candidate.applicability {
        Applicability::Safe => "`mbopt lint --fix` makes it",
        _ => "`mbopt lint --fix --unsafe-fixes` makes it; see what is not proven",
    };
    let base = candidate
        .runtime
        .as_ref()
        .map_or(String::new(), |base| format!(" on {}", base.reference));
    let _ = writeln!(
        out,
        "{name}: a rewrite, level {}{base}; {trust}",
        level_name(candidate.level)
    );
    if let Some(estimate) = plan.estimate {
        let mb = |bytes: u64| bytes / 1_000_000;
        let _ = writeln!(
            out,
            "base images alone, estimated: {} MB now, {} MB then",
            mb(estimate.before),
            mb(estimate.after)
        );
    }
}

fn title(out: &mut String, text: &str) {
    let _ = write!(out, "\n{text}\n");
}

fn reason(out: &mut String, file: &Dockerfile, reason: &Reason) {
    let _ = writeln!(out, "  - {}", reason.says);
    evidence(out, file, &reason.evidence, "      ");
}

fn evidence(out: &mut String, file: &Dockerfile, all: &[Evidence], indent: &str) {
    for one in all {
        let place = source_name(file, one);
        let place = if place.is_empty() { place } else { format!(" ({place})") };
        let _ = writeln!(out, "{indent}{}{place}", one.says);
    }
}

/// A text's first line, shortened.
fn brief(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|w| *w != "\\").collect();
    let joined = words.join(" ");
    if joined.chars().count() > most {
        joined.chars().take(most - 3).collect::<String>() + "..."
    } else {
        joined
    }
}

fn roles(out: &mut String, file: &Dockerfile, plan: &Plan) {
    let shown: Vec<_> = plan.roles.iter().filter(|r| r.role != Role::Metadata).collect();
    if shown.is_empty() {
        return;
    }
    title(out, "What each step is for");
    for role in shown {
        let line = file.source.lines().line(role.span.start);
        let text = brief(file.source.slice(role.span), 60);
        let _ = writeln!(out, "  {line:>4}  {text:<60}  {}", role.role.name());
    }
}

fn programs(out: &mut String, file: &Dockerfile, plan: &Plan) {
    if plan.programs.is_empty() {
        return;
    }
    title(out, "What runs");
    for program in &plan.programs {
        let what = match &program.what {
            What::File { path } => path.clone(),
            What::Interpreter { program, script } => match script {
                Some(script) => format!("{script}, run by {program}"),
                None => program.clone(),
            },
            What::FromPath { name } => format!("`{name}`, found by PATH"),
            What::CompilesAtStart { tool } => format!("`{tool}`, which compiles at start"),
            What::DevServer { tool } => format!("`{tool}`, a server for development"),
            What::Shell => "a shell".to_owned(),
            What::Unknown(why) => format!("not known: {why}"),
        };
        let _ = writeln!(out, "  {}  is {what}", program.words.join(" "));
        for via in &program.via {
            let _ = writeln!(out, "      through {via}");
        }
        evidence(out, file, &program.evidence, "      ");
    }
}

fn made(out: &mut String, file: &Dockerfile, plan: &Plan) {
    if !plan.artifacts.is_empty() {
        title(out, "What the build makes");
        for artifact in &plan.artifacts {
            let _ = writeln!(out, "  {}", artifact.path);
            evidence(out, file, &artifact.sources, "      ");
        }
    }
    let needs = &plan.needs;
    if !needs.files.is_empty() || !needs.programs.is_empty() || needs.certificates.is_some() || needs.zones.is_some() {
        title(out, "What run time needs besides");
        for need in &needs.files {
            let written = if need.written { "  (written)" } else { "" };
            let _ = writeln!(out, "  {}{written}", need.path);
            evidence(out, file, &need.evidence, "      ");
        }
        for (program, why) in &needs.programs {
            let _ = writeln!(out, "  the program {program}");
            evidence(out, file, std::slice::from_ref(why), "      ");
        }
        for (what, why) in [("certificates", &needs.certificates), ("time zones", &needs.zones)] {
            if let Some(why) = why {
                let _ = writeln!(out, "  {what}");
                evidence(out, file, std::slice::from_ref(why), "      ");
            }
        }
    }
    if !plan.system.found.is_empty() {
        title(out, "System packages");
        for package in &plan.system.found {
            let use_ = match &package.use_ {
                Use::Build => "only builds need it".to_owned(),
                Use::Runtime(names) if names.contains(&package.name) => "run time needs it".to_owned(),
                Use::Runtime(names) => format!("run time needs {}", names.join(", ")),
                Use::Unclear(why) => format!("kept: {why}"),
            };
            let _ = writeln!(out, "  {:<30}  {use_}", package.name);
        }
    }
    if !plan.neighbours.is_empty() {
        title(out, "Who relies on the image as it is");
        for neighbour in &plan.neighbours {
            let _ = writeln!(out, "  {}", neighbour.says);
            evidence(out, file, std::slice::from_ref(&neighbour.evidence), "      ");
        }
    }
}

fn levels(out: &mut String, file: &Dockerfile, plan: &Plan) {
    if plan.levels.is_empty() {
        return;
    }
    title(out, "Levels, the boldest first");
    let taken = plan.chosen().map(|c| c.level);
    for considered in &plan.levels {
        let mark = if taken == Some(considered.level) { ": taken" } else { "" };
        let _ = writeln!(out, "  {}{mark}", level_name(considered.level));
        for condition in &considered.conditions {
            self::condition(out, file, condition);
        }
    }
}

fn condition(out: &mut String, file: &Dockerfile, condition: &Condition) {
    let mark = match condition.met {
        Met::Yes => "yes",
        Met::Unproven => "not proven",
        Met::No => "no",
    };
    let _ = writeln!(out, "    {mark:<10}  {}", condition.what);
    if condition.met != Met::Yes {
        evidence(out, file, &condition.evidence, "                ");
        if let Some(proof) = &condition.would_prove {
            let _ = writeln!(out, "                to prove it: {proof}");
        }
    }
}

fn said(out: &mut String, file: &Dockerfile, candidate: &Candidate) {
    if !candidate.unsafe_because.is_empty() {
        title(out, "Why it is not safe");
        for one in &candidate.unsafe_because {
            reason(out, file, one);
        }
    }
    if !candidate.announces.is_empty() {
        title(out, "What you should know");
        for line in &candidate.announces {
            let _ = writeln!(out, "  - {line}");
        }
    }
    title(out, "What a build has to show");
    for line in &candidate.checks {
        let _ = writeln!(out, "  - {line}");
    }
    title(out, "The file");
    let escape_free = candidate.text.replace("\r\n", "\n");
    for line in escape_free.lines() {
        if line.is_empty() {
            out.push('\n');
        } else {
            let _ = writeln!(out, "  {line}");
        }
    }
}
