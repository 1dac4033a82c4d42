//! Fixes on files from elsewhere: nothing panics, no file is lost, fixing twice gives what fixing
//! once gave, and a fixed file is refused for no more reasons than before. Runs where the variable
//! MBOPT_CORPUS names a folder of Dockerfiles.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::apply::{self, Linted, SkipReason};
use mbopt::config::Settings;
use mbopt::edit::Applicability;
use mbopt::model::Dockerfile;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

fn check(source: SourceFile) -> Linted {
    let file = Dockerfile::parse(source);
    let diagnostics = lint(
        Registry::builtin(),
        &file,
        None,
        &Settings::default().for_file("Dockerfile"),
    );
    Linted {
        file,
        diagnostics,
        notes: Vec::new(),
    }
}

fn judge(path: &Path, level: Applicability) -> Result<(usize, usize), String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let before = check(SourceFile::new("Dockerfile", bytes.clone()));
    let once = apply::fix(SourceFile::new("Dockerfile", bytes), level, &check);
    let text = once.linted.file.source.bytes().to_vec();
    if once.linted.file.hard_refusals().count() > before.file.hard_refusals().count() {
        return Err("parses worse".into());
    }
    if let Some(skip) = once.skipped.iter().find(|s| {
        matches!(
            s.reason,
            SkipReason::Oscillates | SkipReason::OutOfPasses | SkipReason::ParsesWorse | SkipReason::Malformed
        )
    }) {
        return Err(format!("{}: {} ({})", skip.rule, skip.title, skip.reason));
    }
    let twice = apply::fix(SourceFile::new("Dockerfile", text.clone()), level, &check);
    if twice.linted.file.source.bytes() != text {
        return Err(format!("fixed again by {:?}", twice.applied.first().map(|f| f.rule)));
    }
    Ok((before.diagnostics.len(), once.applied.len()))
}

#[test]
fn fixes_converge_on_files_from_elsewhere() {
    let Some(corpus) = std::env::var_os("MBOPT_CORPUS").map(PathBuf::from) else {
        println!("skipped: MBOPT_CORPUS is not set");
        return;
    };
    let files: Vec<PathBuf> = ["wild", "conformance"]
        .iter()
        .flat_map(|folder| walkdir::WalkDir::new(corpus.join(folder)))
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.into_path())
        .filter(|path| path.extension().is_none_or(|e| e != "jsonl"))
        .collect();
    assert!(files.len() > 5000, "only {} files", files.len());
    for level in [Applicability::Safe, Applicability::Unsafe] {
        let results: Vec<_> = files.par_iter().map(|path| (path, judge(path, level))).collect();
        let problems: Vec<String> = results
            .iter()
            .filter_map(|(path, r)| Some(format!("{}: {}", path.display(), r.as_ref().err()?)))
            .collect();
        let found: usize = results.iter().filter_map(|(_, r)| Some(r.as_ref().ok()?.0)).sum();
        let fixed: usize = results.iter().filter_map(|(_, r)| Some(r.as_ref().ok()?.1)).sum();
        println!(
            "{level:?}: {} files, {found} findings, {fixed} fixes, {} problems",
            files.len(),
            problems.len()
        );
        assert!(
            problems.is_empty(),
            "{} problems:\n{}",
            problems.len(),
            problems.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
        );
    }
}
