//! Compares findings with BuildKit's own build checks over a corpus that is not part of the project.
//! `MBOPT_CORPUS` names a folder with `answers.jsonl` and the files it speaks of.
//!
//! BuildKit names the first line of the instruction; mbopt the line of the words it speaks of. Both
//! counts are printed, and the line of the instruction is the one that is compared.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::config::{Names, Settings};
use mbopt::model::Dockerfile;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Line and check.
type Found = BTreeSet<(usize, &'static str)>;

/// BuildKit's checks, and whether a rule answers them. `InvalidBaseImagePlatform` needs the image's
/// config and appears in no answer.
const CHECKS: [&str; 21] = [
    "ConsistentInstructionCasing",
    "CopyIgnoredFile",
    "DuplicateStageName",
    "ExposeInvalidFormat",
    "ExposeProtoCasing",
    "FromAsCasing",
    "FromPlatformFlagConstDisallowed",
    "InvalidDefaultArgInFrom",
    "InvalidDefinitionDescription",
    "JSONArgsRecommended",
    "LegacyKeyValueFormat",
    "MaintainerDeprecated",
    "MultipleInstructionsDisallowed",
    "NoEmptyContinuation",
    "RedundantTargetPlatform",
    "ReservedStageName",
    "SecretsUsedInArgOrEnv",
    "StageNameCasing",
    "UndefinedArgInFrom",
    "UndefinedVar",
    "WorkdirRelativePath",
];

/// What BuildKit says of a file, and the line at which it stopped.
fn theirs(answer: &serde_json::Value) -> (Found, Option<usize>) {
    let number = |value: &serde_json::Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
    let warnings = answer["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    let found = warnings.iter().map(|warning| {
        let rule = warning["rule"].as_str().unwrap_or_default();
        let check = CHECKS
            .iter()
            .find(|c| **c == rule)
            .unwrap_or_else(|| panic!("`{rule}` is not in the list of checks"));
        (number(&warning["line"]).unwrap_or_default(), *check)
    });
    let refused = answer["error"].is_string() || answer["parse_error"].is_string();
    (
        found.collect(),
        refused.then(|| number(&answer["error_line"]).unwrap_or(0)),
    )
}

/// What mbopt says: by the instruction's line, and how many findings stand on another line.
fn ours(registry: &Registry, settings: &Settings, file: &Dockerfile) -> (Found, usize) {
    let mut found = Found::new();
    let mut elsewhere = 0;
    for diagnostic in lint(registry, file, None, &settings.for_file("Dockerfile")) {
        for check in CHECKS.iter().filter(|c| diagnostic.rule.aliases.contains(c)) {
            let at = diagnostic.primary.span.start;
            let own = file.source.lines().line(at);
            let whole = file
                .instructions
                .iter()
                .find(|i| i.span.start <= at && at <= i.span.end);
            let line = if *check == "NoEmptyContinuation" {
                own
            } else {
                whole.map_or(own, |i| i.lines.0)
            };
            elsewhere += usize::from(own != line);
            found.insert((line, *check));
        }
    }
    (found, elsewhere)
}

#[test]
fn warns_where_buildkit_does() {
    let Some(folder) = std::env::var_os("MBOPT_CORPUS") else {
        println!("skipped: MBOPT_CORPUS is not set");
        return;
    };
    let folder = Path::new(&folder);
    let text = std::fs::read_to_string(folder.join("answers.jsonl")).expect("answers.jsonl");
    let registry = Registry::builtin();
    let resolve = |name: &str| registry.matching(name).iter().map(|rule| rule.meta.id).collect();
    let names = Names {
        resolve: &resolve,
        known: &[],
        categories: &[],
        options: &|_| Vec::new(),
    };
    let mut settings = Settings::default();
    let ids: Vec<&str> = CHECKS
        .iter()
        .flat_map(|c| registry.matching(c))
        .map(|r| r.meta.id)
        .collect();
    settings.select_only(ids, &names).expect("the rules are there");

    let mut table: BTreeMap<&str, [usize; 3]> = CHECKS.iter().map(|c| (*c, [0; 3])).collect();
    let (mut elsewhere, mut files) = (0, 0);
    for line in text.lines() {
        let answer: serde_json::Value = serde_json::from_str(line).expect("an answer is JSON");
        let name = answer["file"].as_str().expect("an answer names its file");
        let bytes = std::fs::read(folder.join(name)).expect("the corpus has the file");
        // Comments that silence another linter's findings mean nothing to BuildKit.
        let text = String::from_utf8(bytes).map(|t| t.replace("hadolint", "hadolin_").into_bytes());
        let file = Dockerfile::parse(SourceFile::new(name, text.unwrap_or_else(|e| e.into_bytes())));
        let (mut their, stopped) = theirs(&answer);
        let (mut our, other) = ours(registry, &settings, &file);
        // Where BuildKit stops it has not looked at the rest, and what it says of the very instruction
        // that it refuses is a refusal here; nothing to compare.
        if let Some(stopped) = stopped {
            our.retain(|found| their.contains(found));
            their.retain(|found| our.contains(found) || found.0 != stopped);
        }
        files += 1;
        elsewhere += other;
        for (line, check) in their.union(&our) {
            let key = (*line, *check);
            let column = match (their.contains(&key), our.contains(&key)) {
                (true, true) => 0,
                (true, false) => 1,
                _ => 2,
            };
            if let Some(row) = table.get_mut(check) {
                row[column] += 1;
            }
            if column > 0 {
                println!(
                    "{} {check} {name}:{line}",
                    ["", "only BuildKit:", "only mbopt:   "][column]
                );
            }
        }
    }
    println!("{:34}{:>8}{:>16}{:>12}", "check", "both", "only BuildKit", "only mbopt");
    let mut sums = [0; 3];
    for (check, row) in &table {
        println!("{check:34}{:>8}{:>16}{:>12}", row[0], row[1], row[2]);
        for (sum, n) in sums.iter_mut().zip(row) {
            *sum += n;
        }
    }
    println!("{:34}{:>8}{:>16}{:>12}", "all", sums[0], sums[1], sums[2]);
    println!("{files} files; {elsewhere} findings stand on a later line of their instruction");
    let share = |missing: usize| sums[0] as f64 / (sums[0] + missing).max(1) as f64;
    println!(
        "of BuildKit's warnings {:.3} %, of mbopt's {:.3} %",
        share(sums[1]) * 100.0,
        share(sums[2]) * 100.0
    );
    assert!(files > 0 && share(sums[1]) >= 0.995 && share(sums[2]) >= 0.995);
}
