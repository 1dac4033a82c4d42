//! Rewrites as data: a folder under `fixtures/plan` is a test. It holds a Dockerfile, the files of
//! its build context, the rewrite that is expected (`expected.Dockerfile`, where there is one) and
//! what is said of it (`expected.txt`). `options` may hold settings, a line each: `tester: gate`,
//! `level: application`, `runtime: smallest`, `cache-mounts: on`, `context: none`. MBOPT_BLESS=1 writes what is expected.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::context::{Context, Memory};
use mbopt::edit::Applicability;
use mbopt::facts::Facts;
use mbopt::model::Dockerfile;
use mbopt::plan::{self, CacheMounts, Level, Options, RuntimeChoice, Tester, Verdict};
use mbopt::source::SourceFile;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plan");
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(&root)
        .into_iter()
        .flatten()
        .filter(|e| e.file_name() == "expected.txt" || e.file_name() == "Dockerfile")
        .map(|e| e.path().parent().unwrap().to_owned())
        .filter(|folder| folder.join("Dockerfile").is_file())
        .collect();
    found.sort();
    found.dedup();
    // A Dockerfile inside a case's context is none of its own.
    let all = found.clone();
    found.retain(|f| !all.iter().any(|other| other != f && f.starts_with(other)));
    found
}

fn options(folder: &Path) -> (Options, bool) {
    let mut options = Options::default();
    let mut context = true;
    let text = std::fs::read_to_string(folder.join("options")).unwrap_or_default();
    for line in text.lines() {
        match line {
            "tester: gate" => options.tester = Tester::Gate,
            "tester: off" => options.tester = Tester::Off,
            "level: application" => options.level = Level::Application,
            "level: slim" => options.level = Level::Slim,
            "runtime: smallest" => options.runtime = RuntimeChoice::Smallest,
            "runtime: same" => options.runtime = RuntimeChoice::Same,
            "cache-mounts: on" => options.cache_mounts = CacheMounts::On,
            "cache-mounts: off" => options.cache_mounts = CacheMounts::Off,
            "context: none" => context = false,
            other => panic!("{}: no option `{other}`", folder.display()),
        }
    }
    (options, context)
}

fn context_of(folder: &Path) -> Context {
    let mut tree = Memory::default();
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        let name = entry
            .path()
            .strip_prefix(folder)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if entry.file_type().is_file() && !name.starts_with("expected.") && name != "options" {
            tree.insert(&name, &std::fs::read(entry.path()).unwrap());
        }
    }
    Context::new(".", Arc::new(tree), Some("Dockerfile"))
}

/// The rewrite, and what is said of it.
fn planned(text: &str, context: Option<&Context>, options: &Options) -> (Option<String>, String) {
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    let facts = Facts::new(&file, context);
    let plan = plan::plan(&facts, options);
    let mut said = String::new();
    match (&plan.verdict, plan.chosen()) {
        (Verdict::Rewrite(_), Some(candidate)) => {
            let trust = match candidate.applicability {
                Applicability::Safe => "safe",
                _ => "unsafe",
            };
            let base = candidate.runtime.as_ref().map_or("", |r| r.reference.as_str());
            writeln!(said, "{:?} {trust} {base}", candidate.level).unwrap();
            for reason in &candidate.unsafe_because {
                writeln!(said, "unsafe: {}", reason.says).unwrap();
            }
            for line in &candidate.announces {
                writeln!(said, "announces: {line}").unwrap();
            }
            (Some(candidate.text.clone()), said)
        }
        (Verdict::LeftAlone(reasons), _) => {
            for reason in reasons {
                writeln!(said, "left alone: {}", reason.says).unwrap();
            }
            (None, said)
        }
        _ => unreachable!("a verdict names a candidate"),
    }
}

#[test]
fn rewrites_are_as_expected() {
    let bless = std::env::var_os("MBOPT_BLESS").is_some();
    let cases = cases();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for folder in &cases {
        let (options, wants_context) = options(folder);
        let context = wants_context.then(|| context_of(folder));
        let text = std::fs::read_to_string(folder.join("Dockerfile")).unwrap();
        let (rewrite, said) = planned(&text, context.as_ref(), &options);
        let expected_file = folder.join("expected.Dockerfile");
        let expected_said = folder.join("expected.txt");
        if bless {
            std::fs::write(&expected_said, &said).unwrap();
            match &rewrite {
                Some(text) => std::fs::write(&expected_file, text).unwrap(),
                None => drop(std::fs::remove_file(&expected_file)),
            }
        }
        let name = folder.file_name().unwrap().to_string_lossy();
        let expected = std::fs::read_to_string(&expected_file).ok();
        if expected != rewrite {
            wrong.push(format!(
                "{name}: expected\n{}\ngot\n{}",
                expected.unwrap_or_default(),
                rewrite.clone().unwrap_or_default()
            ));
        }
        let expected = std::fs::read_to_string(&expected_said).unwrap_or_default();
        if expected != said {
            wrong.push(format!("{name}: expected\n{expected}\nsaid\n{said}"));
        }
        // A rewritten file is not rewritten again.
        if let Some(text) = rewrite {
            let (again, said) = planned(&text, context.as_ref(), &options);
            if again.is_some() {
                wrong.push(format!(
                    "{name}: rewritten again: {said}\n{}",
                    again.unwrap_or_default()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}
