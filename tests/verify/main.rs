//! Deliberate breaks and harmless rewrites, verified for real: `mbopt verify --against` with the
//! bundled engine, on a base image made of this machine's own shell, libraries and a few programs.
//! No network, no registry, no daemon. The cases are in `fixtures/verify`; `MBOPT_CASE` picks some
//! by a part of their name.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../host_root/mod.rs"]
mod host_root;

mod base;
mod left;
mod loops;
mod node;

use base::Base;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// `case.yaml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Case {
    /// For readers.
    #[allow(dead_code)]
    about: String,
    verdict: String,
    #[serde(default)]
    caught_by: Option<Checks>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    needs: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Checks {
    One(String),
    Several(Vec<String>),
}

impl Case {
    fn caught_by(&self) -> BTreeSet<&str> {
        match &self.caught_by {
            None => BTreeSet::new(),
            Some(Checks::One(name)) => [name.as_str()].into(),
            Some(Checks::Several(names)) => names.iter().map(String::as_str).collect(),
        }
    }
}

/// The part of the report that is looked at.
#[derive(Debug, Deserialize)]
struct Report {
    verdict: String,
    reason: String,
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
struct Check {
    name: String,
    outcome: String,
    detail: String,
}

/// Where the cases are.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/verify")
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let wanted = std::env::var("MBOPT_CASE").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::fs::read_dir(fixtures().join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(&wanted))
        .collect();
    found.sort();
    found
}

/// `mbopt verify` with the bundled engine, without network, and with a store of its own.
pub fn mbopt(base: &Base) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbopt"));
    command
        .args(["verify", "--engine", "native", "--network", "none", "--quiet"])
        .env("XDG_CACHE_HOME", base.cache())
        .env_remove("MBOPT_ENGINE")
        .env_remove("MBOPT_NETWORK");
    command
}

/// What is wrong with a case; nothing where it came out as it says.
fn verify(base: &Base, folder: &Path) -> Result<Option<&'static str>, String> {
    let text = std::fs::read_to_string(folder.join("case.yaml")).unwrap();
    let case: Case = serde_yaml::from_str(&text).map_err(|error| error.to_string())?;
    if case.needs.as_deref() == Some("static") && !base.has_static {
        return Ok(Some("this machine links no static programs"));
    }
    let output = mbopt(base)
        .args(["--format", "json"])
        .args(["--against", &folder.join("rewrite.Dockerfile").to_string_lossy()])
        .arg("--build-context")
        .arg(format!("base={}", base.archive().display()))
        .args(&case.args)
        .arg(folder.join("Dockerfile"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: Report =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}, {}: {errors}", output.status))?;
    let failed: Vec<String> = report
        .checks
        .iter()
        .filter(|check| check.outcome == "failed")
        .map(|check| format!("{}: {}", check.name, check.detail))
        .collect();
    if report.verdict != case.verdict {
        return Err(format!(
            "{} instead of {} ({})\n      {}",
            report.verdict,
            case.verdict,
            report.reason,
            failed.join("\n      ")
        ));
    }
    let names: BTreeSet<&str> = report
        .checks
        .iter()
        .filter(|check| check.outcome == "failed")
        .map(|check| check.name.as_str())
        .collect();
    let missed: Vec<&str> = case
        .caught_by()
        .into_iter()
        .filter(|name| !names.contains(name))
        .collect();
    if !missed.is_empty() {
        return Err(format!("{missed:?} did not fail\n      {}", failed.join("\n      ")));
    }
    if case.verdict == "broken" && case.caught_by().is_empty() {
        return Err("it does not say which check catches it".to_owned());
    }
    let code = output.status.code();
    let expected = if case.verdict == "smaller" { 0 } else { 5 };
    if code != Some(expected) {
        return Err(format!("exit code {code:?} instead of {expected}"));
    }
    Ok(None)
}

fn all(kind: &str, least: usize) {
    let Some(base) = Base::get() else { return };
    let cases = cases(kind);
    if std::env::var_os("MBOPT_CASE").is_none() {
        assert!(cases.len() >= least, "only {} {kind}", cases.len());
    }
    let left = Mutex::new(cases.iter());
    let wrong = Mutex::new(Vec::new());
    // Mostly they wait.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(folder) = left.lock().unwrap().next() else {
                        return;
                    };
                    let name = folder.file_name().unwrap().to_string_lossy();
                    match verify(base, folder) {
                        Ok(None) => {}
                        Ok(Some(why)) => eprintln!("{kind}/{name}: skipped, {why}"),
                        Err(why) => wrong.lock().unwrap().push(format!("{kind}/{name}: {why}")),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n  {}",
        wrong.len(),
        cases.len(),
        wrong.join("\n  ")
    );
}

#[test]
fn deliberate_breaks_are_caught() {
    all("breaks", 25);
}

#[test]
fn harmless_rewrites_are_not_called_broken() {
    all("harmless", 25);
}
