//! What users of Dockerfile linters complain about, as data: `fixtures/wishes/cases.yaml`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::config::{Names, Settings};
use mbopt::model::Dockerfile;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    text: String,
    #[serde(default)]
    silent: Vec<String>,
    #[serde(default)]
    found: Vec<String>,
    #[serde(default)]
    refused: bool,
}

#[test]
fn nobody_is_told_wrongly_what_others_were() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/wishes/cases.yaml");
    let cases: Vec<Case> = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let registry = Registry::builtin();
    let names = Names {
        resolve: &|name| registry.matching(name).iter().map(|rule| rule.meta.id).collect(),
        known: &[],
        categories: &[],
        options: &|_| Vec::new(),
    };
    let mut every = Settings::default();
    every.select_only(["all"], &names).unwrap();
    let mut problems = Vec::new();
    for case in &cases {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", case.text.as_str()));
        let refused = file.hard_refusals().next();
        if refused.is_some() != case.refused {
            problems.push(format!("{}: refused: {refused:?}", case.name));
        }
        let found = lint(registry, &file, None, &every.for_file("Dockerfile"));
        let of = |code: &str| -> Vec<String> {
            let rules = registry.matching(code);
            assert!(!rules.is_empty(), "{}: no rule answers {code}", case.name);
            let hits = found
                .iter()
                .filter(|d| rules.iter().any(|rule| rule.meta.id == d.rule.id));
            hits.map(|d| format!("{}: {}", d.rule.id, d.message)).collect()
        };
        for code in &case.silent {
            problems.extend(
                of(code)
                    .into_iter()
                    .map(|hit| format!("{}: {code} is found: {hit}", case.name)),
            );
        }
        for code in &case.found {
            if of(code).is_empty() {
                problems.push(format!("{}: {code} is not found", case.name));
            }
        }
    }
    assert!(cases.len() > 35);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
