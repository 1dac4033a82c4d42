//! The applications under `fixtures/apps`: what the planner makes of each. A folder holds the project
//! (`app`), what is known of it (`about.yaml`, with the sizes that were measured where it was built)
//! and the rewrite that is expected (`expected.Dockerfile`; none where it is left alone).
//! MBOPT_BLESS=1 writes what is expected; `tests/projects.sh fixtures/apps` builds and compares.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::context::{Context, Memory};
use mbopt::edit::Applicability;
use mbopt::facts::Facts;
use mbopt::model::Dockerfile;
use mbopt::plan::{self, Options, Verdict};
use mbopt::source::SourceFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn apps() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps");
    let entries = std::fs::read_dir(root).unwrap().flatten().map(|e| e.path());
    let mut found: Vec<PathBuf> = entries.filter(|p| p.join("about.yaml").is_file()).collect();
    found.sort();
    found
}

fn context_of(folder: &Path) -> Context {
    let mut tree = Memory::default();
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
            tree.insert(&name, &std::fs::read(entry.path()).unwrap());
        }
    }
    Context::new("app", Arc::new(tree), Some("Dockerfile"))
}

/// What the planner says in a word, and the text that it writes.
fn planned(folder: &Path) -> (String, Option<String>) {
    let app = folder.join("app");
    let text = std::fs::read_to_string(app.join("Dockerfile")).unwrap();
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    let context = context_of(&app);
    let facts = Facts::new(&file, Some(&context));
    let plan = plan::plan(&facts, &Options::default());
    match &plan.verdict {
        Verdict::Rewrite(at) => {
            let candidate = &plan.candidates[*at];
            let trust = match candidate.applicability {
                Applicability::Safe => "safe",
                Applicability::Unsafe => "unsafe",
                Applicability::DisplayOnly => "display-only",
            };
            let level = format!("{:?}", candidate.level).to_lowercase();
            (format!("{level} {trust}"), Some(candidate.text.clone()))
        }
        Verdict::LeftAlone(_) => ("left".to_owned(), None),
    }
}

#[test]
fn applications_are_rewritten_as_expected() {
    let bless = std::env::var_os("MBOPT_BLESS").is_some();
    let mut wrong = Vec::new();
    for folder in apps() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let about = std::fs::read_to_string(folder.join("about.yaml")).unwrap();
        let (said, text) = planned(&folder);
        let expected = folder.join("expected.Dockerfile");
        let line = format!("plan: {said}\n");
        if bless {
            let kept: String = about.lines().filter(|l| !l.starts_with("plan:")).map(|l| format!("{l}\n")).collect();
            std::fs::write(folder.join("about.yaml"), kept + &line).unwrap();
            match text {
                Some(text) => std::fs::write(expected, text).unwrap(),
                None => drop(std::fs::remove_file(expected)),
            }
            continue;
        }
        if !about.contains(&line) {
            wrong.push(format!("{name}: is now `{said}`"));
        }
        let known = std::fs::read_to_string(&expected).ok();
        if known != text {
            let diff = similar::TextDiff::from_lines(known.as_deref().unwrap_or_default(), text.as_deref().unwrap_or_default())
                .unified_diff()
                .to_string();
            wrong.push(format!("{name}: another rewrite\n{diff}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No figure counts what was not built.
#[test]
fn what_is_not_built_says_so() {
    let mut built = 0;
    for folder in apps() {
        let about = std::fs::read_to_string(folder.join("about.yaml")).unwrap();
        match about.lines().find_map(|l| l.strip_prefix("built: ")) {
            Some("true") => built += 1,
            Some("false") => assert!(about.contains("\nwhy: ") && !about.contains("\nafter: "), "{}", folder.display()),
            other => panic!("{}: built: {other:?}", folder.display()),
        }
    }
    assert!(built >= 10, "{built} applications are built");
}
