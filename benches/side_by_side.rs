//! What mbopt and hadolint find in the same files, code by code. No benchmark of time: it prints a
//! table of findings that both have, and that only one has, by instruction.
//!
//! ```console
//! $ hadolint --no-fail -f json FILES... > hadolint.jsonl
//! $ cargo bench --bench side_by_side -- FOLDER hadolint.jsonl
//! ```
//!
//! FOLDER is where hadolint was run; the file names in its report are relative to it. Files that either
//! of the two refuses are left out, and so are the comments that silence findings.

use mbopt::config::Settings;
use mbopt::model::Dockerfile;
use mbopt::rule::meta::Peer;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

#[derive(Deserialize)]
struct Finding {
    file: String,
    code: String,
    line: usize,
}

/// Findings by code and by the first line of the instruction.
type Found = BTreeSet<(String, usize)>;

fn ours(file: &Dockerfile) -> Found {
    let registry = Registry::builtin();
    let diagnostics = lint(registry, file, None, &Settings::default().for_file("Dockerfile"));
    diagnostics
        .iter()
        .flat_map(|d| {
            let line = first_line(file, file.source.lines().line(d.primary.span.start));
            d.rule.codes_of(Peer::Hadolint).map(move |code| (code.to_owned(), line))
        })
        .collect()
}

fn first_line(file: &Dockerfile, line: usize) -> usize {
    let whole = file
        .instructions
        .iter()
        .find(|i| i.lines.0 <= line && line <= i.lines.1);
    whole.map_or(line, |i| i.lines.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os()
        .skip(1)
        .filter(|a| a != "--bench")
        .map(PathBuf::from)
        .collect();
    let [folder, report] = arguments.as_slice() else {
        println!("side_by_side: give a folder and hadolint's report on it; nothing was compared");
        return Ok(());
    };
    let mut theirs: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for line in std::fs::read_to_string(report)?
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        for finding in serde_json::from_str::<Vec<Finding>>(line)? {
            theirs.entry(finding.file.clone()).or_default().push(finding);
        }
    }
    let mut table: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut files = 0;
    for (name, findings) in &theirs {
        let bytes = std::fs::read(folder.join(name))?;
        if findings.iter().any(|f| f.code == "DL1000") {
            continue;
        }
        let file = Dockerfile::parse(SourceFile::new(name.as_str(), bytes));
        if file.hard_refusals().next().is_some() {
            continue;
        }
        files += 1;
        let their: Found = findings
            .iter()
            .map(|f| (f.code.clone(), first_line(&file, f.line)))
            .collect();
        let our = ours(&file);
        for key in their.union(&our).filter(|(code, _)| code.starts_with("DL")) {
            let column = match (their.contains(key), our.contains(key)) {
                (true, true) => 0,
                (true, false) => 1,
                _ => 2,
            };
            table.entry(key.0.clone()).or_default()[column] += 1;
        }
    }
    println!("{files} files in which hadolint finds something\n");
    println!(
        "{:8} {:>8} {:>14} {:>11}",
        "code", "both", "only hadolint", "only mbopt"
    );
    for (code, [both, hadolint, mbopt]) in &table {
        println!("{code:8} {both:>8} {hadolint:>14} {mbopt:>11}");
    }
    Ok(())
}
