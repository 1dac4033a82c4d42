//! hadolint's own expectations, row by row: a snippet, a code, and whether the code must be found.
//!
//! Needs the conformance corpus (`MBOPT_CORPUS`, the folder that holds `conformance/`). Where this
//! project judges otherwise on purpose, `fixtures/hadolint/exceptions.yaml` says why.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::config::{Names, Settings};
use mbopt::model::Dockerfile;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Row {
    file: String,
    title: String,
    rule: Option<String>,
    expect: Vec<String>,
}

#[derive(Default)]
struct Tally {
    rows: usize,
    held: usize,
    excepted: usize,
}

/// Whether the code must be found, where the row says it alike for all of its snippets.
fn wanted(expect: &[String]) -> Option<bool> {
    let mut judged = expect
        .iter()
        .filter(|e| !e.starts_with("onBuild"))
        .filter_map(|e| match e.as_str() {
            "ruleCatches" => Some(true),
            "ruleCatchesNot" => Some(false),
            _ => None,
        });
    let first = judged.next()?;
    judged.all(|e| e == first).then_some(first)
}

/// The code a row is about: its own, or that of the specification it stands in.
fn code_of(row: &Row) -> Option<String> {
    let name = row.file.rsplit('/').next().unwrap_or_default();
    row.rule.clone().or_else(|| {
        name.split("Spec")
            .next()
            .filter(|code| code.starts_with("DL"))
            .map(str::to_owned)
    })
}

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("MBOPT_CORPUS").map(PathBuf::from)?;
    root.join("conformance/hadolint-expectations.jsonl")
        .exists()
        .then_some(root)
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/hadolint")
        .join(name);
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Whether any rule with the code as alias finds something; none where there is no such rule.
fn finds(code: &str, text: &str) -> Option<bool> {
    let registry = Registry::builtin();
    let ids: Vec<&str> = registry.matching(code).iter().map(|rule| rule.meta.id).collect();
    if ids.is_empty() {
        return None;
    }
    let resolve = |name: &str| registry.matching(name).iter().map(|rule| rule.meta.id).collect();
    let names = Names {
        resolve: &resolve,
        known: &[],
        categories: &[],
        options: &|_| Vec::new(),
    };
    let mut settings = Settings::default();
    settings.select_only(ids, &names).unwrap();
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    Some(!lint(registry, &file, None, &settings.for_file("Dockerfile")).is_empty())
}

#[test]
fn hadolint_rows_hold() {
    let Some(root) = corpus() else {
        println!("skipped: MBOPT_CORPUS is not set");
        return;
    };
    let only = std::env::var("MBOPT_CODES").unwrap_or_default();
    let exceptions: BTreeMap<String, String> = read("exceptions.yaml");
    let unsatisfied: Vec<String> = read("unsatisfied.yaml");
    let mut apart = 0;
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut unused: Vec<&str> = exceptions.keys().map(String::as_str).collect();
    let rows = std::fs::read_to_string(root.join("conformance/hadolint-expectations.jsonl")).unwrap();
    for row in rows.lines().map(|line| serde_json::from_str::<Row>(line).unwrap()) {
        let (Some(code), Some(wanted)) = (code_of(&row), wanted(&row.expect)) else {
            continue;
        };
        if !only.is_empty() && !only.split(',').any(|c| c == code) {
            continue;
        }
        let text = std::fs::read_to_string(root.join(&row.file)).unwrap();
        let name = row.file.rsplit('/').next().unwrap_or_default();
        let found = finds(&code, &text);
        if unsatisfied.iter().any(|row| row == name) {
            apart += 1;
            println!("{code} apart, as hadolint does not satisfy it itself; found: {found:?}: {name}");
            continue;
        }
        let tally = tallies.entry(code.clone()).or_default();
        tally.rows += 1;
        if let Some(reason) = exceptions.get(name) {
            unused.retain(|key| *key != name);
            assert!(
                found.is_some_and(|f| f != wanted),
                "{name} needs no exception: {reason}"
            );
            tally.excepted += 1;
        } else if found == Some(wanted) {
            tally.held += 1;
        } else {
            println!(
                "{code} {} found: {found:?}, wanted: {wanted}: {name}\n    {text:?}",
                row.title
            );
        }
    }
    let (mut all, mut held, mut excepted) = (0, 0, 0);
    for (code, tally) in &tallies {
        println!(
            "{code}: {} of {} hold, {} judged otherwise",
            tally.held, tally.rows, tally.excepted
        );
        all += tally.rows;
        held += tally.held;
        excepted += tally.excepted;
    }
    println!("all: {held} of {all} hold, {excepted} judged otherwise, {apart} apart");
    assert!(
        only.is_empty().then_some(()).is_none() || unused.is_empty(),
        "exceptions for nothing: {unused:?}"
    );
    assert!(held + excepted > 0);
    assert!((held + excepted) * 100 >= all * 99, "only {held} of {all} rows hold");
}
