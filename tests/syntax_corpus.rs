//! Against BuildKit's own test data, which is no part of this project: `MBOPT_CORPUS` names a
//! folder that holds `conformance/` and `wild/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod syntax_dump;

use mbopt::source::SourceFile;
use mbopt::syntax::lines;
use std::path::{Path, PathBuf};

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("MBOPT_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: MBOPT_CORPUS is not set");
    }
    folder
}

fn source(path: &Path) -> SourceFile {
    SourceFile::new(path.to_string_lossy(), std::fs::read(path).unwrap())
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn each_result_is_reproduced() {
    let Some(corpus) = corpus() else { return };
    let mut count = 0;
    let mut wrong = Vec::new();
    for case in folders(&corpus.join("conformance/buildkit-parser/testfiles")) {
        let expected = std::fs::read_to_string(case.join("result")).unwrap();
        let found = syntax_dump::dump(&source(&case.join("Dockerfile")));
        count += 1;
        if found.as_deref() != Ok(expected.as_str()) {
            wrong.push(format!(
                "{}\n--- expected\n{expected}--- found\n{found:?}",
                case.display()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 33, "only {count} cases");
}

#[test]
fn line_numbers_are_reproduced() {
    let Some(corpus) = corpus() else { return };
    let file = source(&corpus.join("conformance/buildkit-parser/testfile-line/Dockerfile"));
    assert_eq!(
        syntax_dump::line_numbers(&lines::scan(&file).instructions),
        [(5, 5), (11, 12), (17, 31)]
    );
}

#[test]
fn broken_files_are_refused() {
    let Some(corpus) = corpus() else { return };
    for case in folders(&corpus.join("conformance/buildkit-parser/testfiles-negative")) {
        let found = syntax_dump::dump(&source(&case.join("Dockerfile")));
        assert!(found.is_err(), "{}: {found:?}", case.display());
    }
}

/// What the parser package refuses, and on which line, in all files that BuildKit was asked about.
#[test]
fn refusals_agree_with_the_recorded_answers() {
    let Some(corpus) = corpus() else { return };
    let Ok(answers) = std::fs::read_to_string(corpus.join("answers.jsonl")) else {
        println!("skipped: no answers.jsonl");
        return;
    };
    let mut wrong = Vec::new();
    let mut refused = 0;
    for answer in answers.lines() {
        let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
        let file = answer["file"].as_str().unwrap();
        let parse_error = answer["parse_error"].as_str();
        // These two come later: from the instructions, and from the stages.
        let expected = parse_error
            .filter(|e| !e.starts_with("dockerfile parse error") && *e != "no build stage in current context");
        let found = syntax_dump::dump(&source(&corpus.join(file))).err();
        refused += usize::from(expected.is_some());
        // Where the parser comes first, its line is named (of an empty file there is none).
        let line = answer["error_line"].as_u64().map(|l| l as usize);
        let same = match (&expected, &found) {
            (None, None) => true,
            (Some(_), Some(found)) => found.line == line,
            _ => false,
        };
        if !same {
            wrong.push(format!("{file}: expected {expected:?} line {line:?}, found {found:?}"));
        }
    }
    println!("{refused} refusals of the parser, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// How many instructions are closed to fixes because the grammar sees them otherwise.
#[test]
fn the_grammar_rarely_disagrees() {
    use mbopt::syntax::tree::Grammar;
    use mbopt::syntax::words::split_instruction;
    use std::collections::BTreeMap;
    let Some(corpus) = corpus() else { return };
    let (mut total, mut strict) = (0, 0);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(corpus.join("wild"))
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
    {
        if !entry.file_type().is_file() {
            continue;
        }
        let source = source(entry.path());
        let lines = lines::scan(&source);
        // What BuildKit refuses cannot be agreed on.
        if syntax_dump::dump(&source).is_err() {
            continue;
        }
        let grammar = Grammar::parse(&source);
        for line in &lines.instructions {
            total += 1;
            let disagreement = grammar.disagreement(line);
            strict += usize::from(disagreement.is_some() || grammar.node(line).is_none_or(|n| n.has_error()));
            if let Some(kind) = disagreement {
                let keyword = split_instruction(&line.joined, 0..line.joined.text().len(), lines.escape)
                    .keyword
                    .value;
                let text: String = source.slice(line.span).chars().take(120).collect();
                found
                    .entry(format!("{kind:?} {}", keyword.to_uppercase()))
                    .or_default()
                    .push(text);
            }
        }
    }
    let count: usize = found.values().map(Vec::len).sum();
    println!(
        "{count} of {total} instructions ({:.3} %)",
        count as f64 * 100.0 / total as f64
    );
    println!(
        "{strict} if any error node in an instruction counted ({:.3} %)",
        strict as f64 * 100.0 / total as f64
    );
    for (kind, texts) in &found {
        println!("{:5} {kind}", texts.len());
        if std::env::var_os("MBOPT_SHOW").is_some() {
            for text in texts.iter().step_by(texts.len().div_ceil(8)) {
                println!("        {text:?}");
            }
        }
    }
    assert!(count * 200 <= total, "more than 0.5 %");
}
