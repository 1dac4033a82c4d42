//! `rules/README.md` is made from the rules, and every code of the other linters is answered: by a
//! rule's alias, or with a reason. `MBOPT_BLESS=1 cargo test --test rules_readme` writes it anew.

use mbopt::edit::Applicability;
use mbopt::rule::meta::RuleMeta;
use mbopt::rule::{Registry, Severity};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// `rules/knowledge/unanswered.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unanswered {
    unanswered: Vec<Reason>,
    /// Codes that are still to be answered.
    missing: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    codes: Vec<String>,
    reason: String,
}

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

fn unanswered() -> Unanswered {
    serde_yaml::from_str(&read("rules/knowledge/unanswered.yaml")).unwrap()
}

/// The codes of each linter.
fn codes() -> BTreeMap<String, Vec<String>> {
    serde_yaml::from_str(&read("fixtures/peers/codes.yaml")).unwrap()
}

fn aliases() -> BTreeSet<&'static str> {
    Registry::builtin()
        .rules()
        .flat_map(|meta| meta.aliases.iter().copied())
        .collect()
}

/// Codes that are neither an alias nor explained.
fn open_codes() -> BTreeSet<String> {
    let aliases = aliases();
    let unanswered = unanswered();
    let explained: BTreeSet<&str> = unanswered
        .unanswered
        .iter()
        .flat_map(|r| r.codes.iter().map(String::as_str))
        .collect();
    let all = codes().into_values().flatten();
    all.filter(|code| !aliases.contains(code.as_str()) && !explained.contains(code.as_str()))
        .collect()
}

#[test]
fn every_code_of_the_others_is_answered() {
    let missing: BTreeSet<String> = unanswered().missing.into_iter().collect();
    let lost: Vec<String> = open_codes().difference(&missing).cloned().collect();
    assert!(
        lost.is_empty(),
        "neither alias of a rule nor in rules/knowledge/unanswered.yaml: {lost:?}"
    );
}

#[test]
fn reasons_are_for_codes_that_exist_and_have_no_rule() {
    let known: BTreeSet<String> = codes().into_values().flatten().collect();
    let aliases = aliases();
    let mut seen = BTreeSet::new();
    for reason in unanswered().unanswered {
        assert!(!reason.reason.trim().is_empty(), "{:?} has no reason", reason.codes);
        for code in reason.codes {
            assert!(
                known.contains(&code),
                "`{code}` is no code in fixtures/peers/codes.yaml"
            );
            assert!(
                !aliases.contains(code.as_str()),
                "`{code}` is a rule's alias and needs no reason"
            );
            assert!(seen.insert(code.clone()), "`{code}` has two reasons");
        }
    }
}

#[test]
fn the_table_is_up_to_date() {
    let text = readme();
    if std::env::var_os("MBOPT_BLESS").is_some() {
        fs::write(path("rules/README.md"), &text).unwrap();
    }
    assert!(
        read("rules/README.md") == text,
        "rules/README.md is not what the rules say; MBOPT_BLESS=1 writes it anew"
    );
}

fn readme() -> String {
    let rules: Vec<&RuleMeta> = Registry::builtin().rules().collect();
    let mut out = String::new();
    let on = rules.iter().filter(|meta| meta.enabled).count();
    let fixable = |trust: Applicability| rules.iter().filter(|meta| meta.fixable == Some(trust)).count();
    writeln!(out, "# Rules\n").unwrap();
    writeln!(
        out,
        "{} rules, {on} of them on by default; {} have a fix that is safe at best, {} one that needs `--unsafe-fixes`. This \
         file is made by `MBOPT_BLESS=1 cargo test --test rules_readme`; `mbopt explain <rule>` says more about each.\n",
        rules.len(),
        fixable(Applicability::Safe),
        fixable(Applicability::Unsafe)
    )
    .unwrap();
    for category in ["size", "cache", "security", "correctness", "reproducibility", "style"] {
        let own: Vec<&&RuleMeta> = rules.iter().filter(|meta| meta.category == category).collect();
        writeln!(out, "## {}{}\n", category[..1].to_uppercase(), &category[1..]).unwrap();
        writeln!(
            out,
            "| Rule | Severity | On | Fix | What it finds | Also known as |\n|---|---|---|---|---|---|"
        )
        .unwrap();
        for meta in own {
            let fix = match meta.fixable {
                Some(Applicability::Safe) => "safe",
                Some(Applicability::Unsafe) => "unsafe",
                Some(Applicability::DisplayOnly) => "shown",
                None => "",
            };
            let on = if meta.enabled { "yes" } else { "no" };
            let aliases = meta.aliases.join(", ");
            let summary = meta.summary.replace('|', "\\|");
            writeln!(
                out,
                "| [{id}]({id}.yaml) | {} | {on} | {fix} | {summary} | {aliases} |",
                severity(meta.severity),
                id = meta.id
            )
            .unwrap();
        }
        out.push('\n');
    }
    writeln!(out, "## Concepts of other linters that are no rule here, and why\n").unwrap();
    for reason in unanswered().unanswered {
        writeln!(out, "- {}: {}", reason.codes.join(", "), reason.reason.trim()).unwrap();
    }
    let open = open_codes();
    if !open.is_empty() {
        let open: Vec<String> = open.into_iter().collect();
        writeln!(out, "\nNot answered yet: {}.", open.join(", ")).unwrap();
    }
    out
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
        Severity::Style => "style",
    }
}
