//! Plans of files from elsewhere: nothing panics, each rewrite says of the image what the old file
//! said, refers to nothing that no stage makes, and is not rewritten again. Prints how many files are
//! rewritten at which level, and how long planning takes. Runs where the variable MBOPT_CORPUS names a
//! folder of Dockerfiles.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::edit::Applicability;
use mbopt::facts::Facts;
use mbopt::model::{Dockerfile, Form, Kind, Stage, StageRef};
use mbopt::plan::{self, Options, Plan, Verdict};
use mbopt::source::SourceFile;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn parse(bytes: Vec<u8>) -> Dockerfile {
    Dockerfile::parse(SourceFile::new("Dockerfile", bytes))
}

fn planned(file: &Dockerfile) -> Plan {
    plan::plan(&Facts::new(file, None), &Options::default())
}

/// CMD, ENTRYPOINT, USER, EXPOSE and ENV of the image, as far as the file says them.
fn said(file: &Dockerfile) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let Some(target) = file.target() else { return out };
    let value =
        |word: &mbopt::syntax::Word, at: usize| file.expand(word, at).map_or_else(|_| word.value.clone(), |e| e.value);
    let form = |form: &Form| match form {
        Form::Shell(word) => word.value.clone(),
        Form::Exec(words) => words.iter().map(|w| w.value.as_str()).collect::<Vec<_>>().join("\u{0}"),
    };
    let mut chain: Vec<&Stage> = file.chain(target).collect();
    chain.reverse();
    for stage in chain {
        for i in file.instructions_of(stage) {
            match &i.kind {
                Kind::Cmd(f) => drop(out.insert("CMD".into(), form(f))),
                Kind::Entrypoint(f) => drop(out.insert("ENTRYPOINT".into(), form(f))),
                Kind::User(w) => drop(out.insert("USER".into(), value(w, i.index))),
                Kind::Expose(words) => {
                    for w in words {
                        out.insert(format!("EXPOSE {}", value(w, i.index)), String::new());
                    }
                }
                Kind::Env(pairs) => {
                    for p in pairs {
                        let text = p.value.as_ref().map(|v| value(v, i.index)).unwrap_or_default();
                        out.insert(format!("ENV {}", value(&p.key, i.index)), text);
                    }
                }
                _ => {}
            }
        }
    }
    out
}

/// Everything that the stage's chain says, for a look whether a path occurs in it.
fn text_of(file: &Dockerfile, stage: &Stage) -> String {
    let mut out = String::new();
    for stage in file.chain(stage) {
        for i in file.instructions_of(stage) {
            out.push_str(file.source.slice(i.span));
            out.push('\n');
            if let Some(dir) = file.settings_at(i.index + 1).workdir.and_then(|w| w.value) {
                out.push_str(&dir);
                out.push('\n');
            }
        }
    }
    out
}

/// What a rewrite does wrong.
fn faults(old: &Dockerfile, text: &str) -> Vec<String> {
    let new = parse(text.as_bytes().to_vec());
    let mut out = Vec::new();
    if let Some(refusal) = new.hard_refusals().next() {
        out.push(format!("refused: {}", refusal.message));
    }
    let (before, after) = (said(old), said(&new));
    for (key, value) in &before {
        // The old base's own PATH is not in the file.
        if key == "ENV PATH" && after.contains_key(key) {
            continue;
        }
        if after.get(key) != Some(value) {
            out.push(format!("{key}: {value:?} became {:?}", after.get(key)));
        }
    }
    // A stage that runs something must not lose it by a new base: what it names is in the new file.
    for i in &new.instructions {
        let Some(transfer) = i.transfer() else { continue };
        let Some((from, to)) = &transfer.from else { continue };
        let Some(stage) = to.stage().and_then(|id| new.stage(id)) else {
            if !matches!(to, StageRef::Image(_)) || text.contains("AS builder") && from.value == "builder" {
                out.push(format!("no stage {}", from.value));
            }
            continue;
        };
        let made = text_of(&new, stage);
        for source in &transfer.sources {
            let path = source.value.trim_end_matches('/');
            // Where the images of languages install to.
            let languages = [
                "/usr/local",
                "/usr/local/bundle",
                "/usr/local/lib/php/extensions",
                "/usr/local/etc/php/conf.d",
                "/opt/pypy",
            ];
            let by_default = |(word, end): &(&str, &str)| made.contains(word) && path.ends_with(end);
            // The working directory that PHP's images come with.
            let given = path == "/var/www/html" && old.source.text().contains("FROM php:");
            if given || languages.contains(&path) || INSTALLED.iter().any(by_default) {
                continue;
            }
            let known = ["/etc/", "/usr/share/", "/usr/lib/", "/lib/"];
            let name = path.rsplit('/').next().unwrap_or(path).trim_matches('*');
            let parent = path.rsplit_once('/').map_or("/", |(p, _)| p);
            // A tool's own folder, inside one that the file names, with a name that the file gives.
            let folders = path.match_indices('/').skip(1).filter_map(|(at, _)| path.get(..at));
            let shared = [
                "/usr",
                "/usr/bin",
                "/usr/lib",
                "/usr/local",
                "/usr/local/bin",
                "/usr/src",
            ];
            let inside = folders
                .filter(|f| f.len() > 1 && !shared.contains(f))
                .any(|folder| made.contains(folder));
            let by_tool = inside && old.source.text().contains(name);
            // The prefix of CMake and autotools, and a file there that the original names in full.
            let installed = path.starts_with("/usr/local/")
                && ["make install", "cmake --install", "ninja install"]
                    .iter()
                    .any(|words| made.contains(words))
                && old.source.text().contains(path);
            let named = made.contains(name) || made.contains(parent) || by_tool || installed;
            // What the author copies is the author's.
            let copied = old
                .instructions
                .iter()
                .filter_map(|i| i.transfer())
                .any(|t| t.from.is_some() && t.sources.iter().any(|s| s.value == source.value));
            if !known.iter().any(|k| path.starts_with(k)) && !named && !copied {
                out.push(format!("nothing makes {path}"));
            }
        }
    }
    out
}

/// Whether rewriting what would be written does not come to an end: `lint --fix` goes on until
/// nothing changes, and a last stage may be improved after it was split off.
fn is_rewritten_again(plan: &Plan) -> bool {
    let mut text = plan.chosen().map(|candidate| candidate.text.clone());
    for _ in 0..2 {
        let Some(last) = text else { return false };
        let new = parse(last.into_bytes());
        text = planned(&new).chosen().map(|candidate| candidate.text.clone());
    }
    text.is_some()
}

/// Where tools install to that the file does not name: a word of the file, and the folder's end.
const INSTALLED: [(&str, &str); 6] = [
    ("--user", "/.local"),
    // pip writes there where the user may not write to the system.
    ("USER ", "/.local"),
    ("pipenv", "/.local/share/virtualenvs"),
    // Debian's RubyGems.
    ("gem install", "/var/lib/gems"),
    ("gem install", "/usr/local/bin"),
    ("bundle install", "/var/lib/gems"),
];

#[test]
fn rewrites_of_files_from_elsewhere_hold() {
    let Some(corpus) = std::env::var_os("MBOPT_CORPUS").map(PathBuf::from) else {
        println!("skipped: MBOPT_CORPUS is not set");
        return;
    };
    let files: Vec<PathBuf> = walkdir::WalkDir::new(corpus.join("wild"))
        .into_iter()
        .flatten()
        .filter(|e| e.file_type().is_file() && e.path().extension().is_none_or(|x| x != "jsonl"))
        .map(|e| e.into_path())
        .collect();
    assert!(files.len() > 4000, "only {} files", files.len());
    struct Seen {
        verdict: String,
        faults: Vec<String>,
        took: Duration,
    }
    let seen: Vec<(PathBuf, Seen)> = files
        .into_par_iter()
        .map(|path| {
            let file = parse(std::fs::read(&path).unwrap());
            let start = Instant::now();
            let plan = std::panic::catch_unwind(|| planned(&file)).unwrap_or_else(|_| panic!("{}", path.display()));
            let took = start.elapsed();
            let mut faults = Vec::new();
            for candidate in &plan.candidates {
                let mut faulty = self::faults(&file, &candidate.text);
                // A program that compiled at each start is started as it is built: announced, and unsafe.
                let compiled = candidate
                    .announces
                    .iter()
                    .any(|a| a.contains(" no longer compiles with "));
                if compiled && candidate.applicability == Applicability::Unsafe {
                    faulty.retain(|fault| !fault.starts_with("CMD: ") && !fault.starts_with("ENTRYPOINT: "));
                }
                faults.extend(faulty);
            }
            if is_rewritten_again(&plan) {
                faults.push("rewritten again".into());
            }
            faults.sort();
            faults.dedup();
            let verdict = match (&plan.verdict, plan.chosen()) {
                (_, Some(c)) => {
                    let trust = if c.applicability == Applicability::Safe {
                        "safe"
                    } else {
                        "unsafe"
                    };
                    format!("rewritten: {:?}, {trust}", c.level)
                }
                (Verdict::LeftAlone(reasons), _) => {
                    let says = reasons.first().map_or("no reason", |r| r.says.as_str());
                    // What is named in backquotes differs from file to file.
                    let parts: Vec<&str> = says.split('`').step_by(2).collect();
                    let digits: String = parts.join("`...`").chars().filter(|c| !c.is_ascii_digit()).collect();
                    format!("left alone: {digits}")
                }
                _ => "nothing".into(),
            };
            (path, Seen { verdict, faults, took })
        })
        .collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, s) in &seen {
        *counts.entry(&s.verdict).or_default() += 1;
    }
    let mut shown: Vec<_> = counts.into_iter().collect();
    shown.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for (verdict, count) in shown {
        println!(
            "{count:>5}  {:>5.1} %  {verdict}",
            count as f64 * 100.0 / seen.len() as f64
        );
    }
    let total: Duration = seen.iter().map(|(_, s)| s.took).sum();
    let slowest = seen.iter().max_by_key(|(_, s)| s.took).unwrap();
    println!(
        "planning: {:?} on average, {:?} at most ({})",
        total / seen.len() as u32,
        slowest.1.took,
        slowest.0.display()
    );
    let wrong: Vec<String> = seen
        .iter()
        .filter(|(_, s)| !s.faults.is_empty())
        .map(|(p, s)| format!("{}: {}", p.display(), s.faults.join("; ")))
        .collect();
    let kinds: BTreeSet<&String> = wrong.iter().collect();
    assert!(
        wrong.is_empty(),
        "{} files:\n{}",
        kinds.len(),
        wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
}
