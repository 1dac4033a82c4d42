//! Compares mbopt's refusals with BuildKit's own answers over a corpus that is not part of the
//! project. `MBOPT_CORPUS` names a folder with `answers.jsonl` and the files it speaks of.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::config::Settings;
use mbopt::model::{Dockerfile, Phase};
use mbopt::rule::{Registry, failed_checks, lint};
use mbopt::source::SourceFile;
use std::path::Path;

/// What BuildKit says of one file.
struct Answer {
    file: String,
    /// Found by the parser, not later.
    parse: bool,
    error: Option<String>,
    line: Option<u64>,
}

fn answers(folder: &Path) -> Vec<Answer> {
    let text = std::fs::read_to_string(folder.join("answers.jsonl")).expect("answers.jsonl");
    let field = |v: &serde_json::Value, key: &str| v[key].as_str().map(str::to_owned);
    text.lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("an answer is JSON");
            Answer {
                file: field(&value, "file").expect("an answer names its file"),
                parse: value["parse_error"].is_string(),
                error: field(&value, "parse_error").or_else(|| field(&value, "error")),
                line: value["error_line"].as_u64(),
            }
        })
        .collect()
}

#[test]
fn accepts_and_refuses_what_buildkit_does() {
    let Some(folder) = std::env::var_os("MBOPT_CORPUS") else {
        println!("skipped: MBOPT_CORPUS is not set");
        return;
    };
    let folder = Path::new(&folder);
    let (mut compared, mut refused, mut context, mut differences) = (0, 0, 0, 0);
    for answer in answers(folder) {
        let bytes = std::fs::read(folder.join(&answer.file)).expect("the corpus has the file");
        let mut file = Dockerfile::parse(SourceFile::new(answer.file.clone(), bytes));
        // `# check=error=true` makes what the checks find fatal.
        if file.lines.directives.iter().any(|d| d.name == "check") {
            let found = lint(
                Registry::builtin(),
                &file,
                None,
                &Settings::default().for_file("Dockerfile"),
            );
            file.refusals.extend(failed_checks(&file, &found));
        }
        let first = file.refusals.first();
        compared += 1;
        refused += usize::from(first.is_some());
        if file.hard_refusals().next().is_none() && first.is_some() {
            context += 1;
            println!(
                "context: {}:{:?}: {}",
                answer.file,
                first.and_then(|r| r.line),
                first.map_or("", |r| &r.message)
            );
        }
        let ours = first.map(|r| (r.phase == Phase::Parse, r.line.map(|l| l as u64)));
        let theirs = answer.error.as_ref().map(|_| (answer.parse, answer.line));
        if ours != theirs {
            differences += 1;
            println!(
                "DIFFERS: {}\n  BuildKit: {:?} {}\n  mbopt:    {:?} {}",
                answer.file,
                theirs,
                answer.error.as_deref().unwrap_or("accepts"),
                ours,
                first.map_or("accepts", |r| &r.message),
            );
        }
    }
    println!("{compared} compared, {refused} refused ({context} by context), {differences} differ");
    assert_eq!(differences, 0);
}
