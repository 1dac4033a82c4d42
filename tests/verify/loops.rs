//! mbopt's own rewrites: what a try lacked is taken into the next one.

use super::base::Base;
use super::{cases, mbopt, node};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `case.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// For readers.
    #[allow(dead_code)]
    about: String,
    verdict: String,
    /// What a machine must have for it: `node`.
    #[serde(default)]
    needs: Option<String>,
    /// What the reason says for which the first try fell; nothing where the first is taken.
    #[serde(default)]
    fell: Option<String>,
    /// What stands in the rewrite that is taken.
    has: String,
}

#[derive(Debug, Deserialize)]
struct Report {
    verdict: String,
    reason: String,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Deserialize)]
struct Candidate {
    name: String,
    why: String,
}

/// What is wrong with a case; why it was left out, where it was.
fn verify(base: &Base, folder: &Path) -> Result<Option<&'static str>, String> {
    let text = std::fs::read_to_string(folder.join("case.yaml")).unwrap();
    let case: Case = serde_yaml::from_str(&text).map_err(|error| error.to_string())?;
    let work = tempfile::tempdir().unwrap();
    let mut images: Vec<(&str, PathBuf)> = base.compilers().into();
    let mut project = folder.to_owned();
    if case.needs.as_deref() == Some("node") {
        let Some(node) = node::images(base) else {
            return Ok(Some("this machine has no Node.js with npm"));
        };
        images.extend(node.iter().cloned());
        project = node::project(folder, work.path());
    }
    let written = work.path().join("Dockerfile");
    let mut command = mbopt(base);
    command.args(["--format", "json", "--no-config"]);
    for (name, archive) in images {
        command
            .arg("--build-context")
            .arg(format!("{name}={}", archive.display()));
    }
    let output = command
        .arg("--write")
        .arg(&written)
        .arg(project.join("Dockerfile"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: Report = serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {errors}"))?;
    let tried: Vec<String> = report
        .candidates
        .iter()
        .map(|c| format!("{}: {}", c.name, c.why))
        .collect();
    if report.verdict != case.verdict {
        return Err(format!("{} ({}); tried {tried:#?}", report.verdict, report.reason));
    }
    let first = report
        .candidates
        .first()
        .map(|first| first.why.as_str())
        .unwrap_or_default();
    if !first.contains(case.fell.as_deref().unwrap_or_default()) || case.fell.is_none() != first.is_empty() {
        return Err(format!("the first fell because of `{first}`; tried {tried:#?}"));
    }
    let text = std::fs::read_to_string(&written).map_err(|error| error.to_string())?;
    if !text.contains(&case.has) {
        return Err(format!("the rewrite has no `{}`:\n{text}", case.has));
    }
    Ok(None)
}

#[test]
fn what_a_try_lacked_is_in_the_next() {
    let Some(base) = Base::get() else { return };
    let mut wrong = Vec::new();
    for folder in cases("loops") {
        match verify(base, &folder) {
            Ok(None) => {}
            Ok(Some(why)) => eprintln!("{}: skipped, {why}", folder.display()),
            Err(why) => wrong.push(format!("{}: {why}", folder.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
