//! Runs of `lint` with an engine whose findings are known: what is written, and how they end.

use super::args::{FailOn, FormatName, Global, Lint};
use super::colour::When;
use super::engine::{ConfigText, Engine, Fixed, Linted, Planned, Request, Selection, Wishes};
use super::exit::Outcome;
use super::lint;
use crate::edit::{Applicability, Edit, Fix};
use crate::model::refusal::Phase;
use crate::model::{Dockerfile, Refusal};
use crate::plan::Plan;
use crate::report::{AppliedFix, sample};
use crate::rule::{Diagnostic, RuleMeta, Severity};
use crate::source::{SourceFile, Span};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// Finds `BAD` (a warning that becomes `good`), `taste` (style) and `BROKEN` (refused); panics at
/// `PANIC`. Its config is wrong where it holds `wrong`.
struct Fake;

impl Engine for Fake {
    type Config = String;

    fn rules(&self) -> Vec<&'static RuleMeta> {
        vec![&sample::RULE]
    }

    fn config(&self, text: Option<ConfigText>, _selection: &Selection) -> Result<String, miette::Report> {
        let Some(text) = text else { return Ok(String::new()) };
        if text.text.contains("wrong") {
            return Err(miette::miette!("{}: unknown key `wrong`", text.path.display()));
        }
        Ok(text.text)
    }

    fn wishes(&self, config: &String) -> Wishes {
        Wishes {
            fail_on: config.contains("strict").then_some(FailOn::Style),
            ..Wishes::default()
        }
    }

    fn excludes(&self, config: &String, framed: &str) -> bool {
        config.contains("no-vendor") && framed.contains("/vendor/")
    }

    fn config_schema(&self) -> String {
        String::new()
    }

    fn lint(&self, source: SourceFile, request: &Request<'_, String>) -> Linted {
        let text = source.text().to_owned();
        assert!(!text.contains("PANIC"), "as asked");
        let mut diagnostics = Vec::new();
        for (start, word) in text.match_indices("BAD") {
            let span = Span::new(start, start + word.len());
            let mut finding = sample::warning(span, "bad");
            finding.fix = Some(Fix::safe("make it good", vec![Edit::replace(span, "good")]));
            diagnostics.push(finding);
        }
        for (start, word) in text.match_indices("taste") {
            diagnostics.push(Diagnostic {
                severity: Severity::Style,
                ..sample::warning(Span::new(start, start + word.len()), "a matter of taste")
            });
        }
        if request.config.contains("silent") {
            diagnostics.clear();
        }
        let refusals = text.find("BROKEN").map(|start| Refusal {
            phase: Phase::Parse,
            message: "unknown instruction: BROKEN".into(),
            span: Span::new(start, start + 6),
            line: None,
        });
        Linted {
            source,
            diagnostics,
            refusals: refusals.into_iter().collect(),
            notes: vec!["a note".into()],
            details: vec![],
        }
    }

    fn plan(&self, source: SourceFile, _request: &Request<'_, String>) -> Planned {
        Planned {
            file: Dockerfile::parse(source),
            plan: Plan::default(),
            notes: vec![],
        }
    }

    fn fix(&self, source: SourceFile, request: &Request<'_, String>, _level: Applicability) -> Fixed {
        let new = SourceFile::new(source.name(), source.text().replace("BAD", "good"));
        let applied = source.text().matches("BAD").map(|_| AppliedFix {
            rule: "sample-rule",
            title: "make it good".into(),
            line: 1,
            announces: Vec::new(),
            effects: Vec::new(),
        });
        let applied = applied.collect();
        let linted = self.lint(new, request);
        Fixed {
            source: linted.source,
            original: source,
            applied,
            created: vec![],
            skipped: vec![],
            remaining: linted.diagnostics,
            refusals: linted.refusals,
            notes: linted.notes,
            details: vec![],
        }
    }
}

/// A folder with files, and a place for the report.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Case {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("in").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Case { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("in").join(name)
    }

    /// Arguments for these paths, with JSON in a file.
    fn args(&self, paths: &[&str]) -> Lint {
        Lint {
            paths: paths.iter().map(|p| self.path(p)).collect(),
            output: Some(self.folder.path().join("report")),
            format: FormatName::Json,
            ..Lint::default()
        }
    }

    fn run(&self, args: &Lint) -> Outcome {
        let global = Global {
            quiet: true,
            verbose: false,
            color: When::Never,
        };
        lint::run(&Fake, args, global)
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.folder.path().join("report")).unwrap()).expect("JSON")
    }

    /// How many findings each file has, by its name; -1 where it failed.
    fn findings(&self) -> Vec<(String, i64)> {
        let root = self.folder.path().join("in");
        self.report()["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| {
                let path = PathBuf::from(file["path"].as_str().unwrap());
                let name = path.strip_prefix(&root).unwrap_or(&path).to_str().unwrap().to_owned();
                let count = file["findings"].as_array().unwrap().len() as i64;
                (name, if file["error"].is_null() { count } else { -1 })
            })
            .collect()
    }
}

fn named(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

#[test]
fn findings_end_with_one_and_taste_does_not() {
    let case = Case::new(&[("a/Dockerfile", "FROM BAD\n"), ("b/Dockerfile", "FROM taste\n")]);
    assert_eq!(case.run(&case.args(&["a"])), Outcome::Findings);
    assert_eq!(case.run(&case.args(&["b"])), Outcome::Clean);
    let strict = Lint {
        fail_on: Some(FailOn::Style),
        ..case.args(&["b"])
    };
    assert_eq!(case.run(&strict), Outcome::Findings);
    for (fail_on, outcome) in [
        (FailOn::Error, Outcome::Clean),
        (FailOn::Warning, Outcome::Findings),
        (FailOn::Never, Outcome::Clean),
    ] {
        assert_eq!(
            case.run(&Lint {
                fail_on: Some(fail_on),
                ..case.args(&["a", "b"])
            }),
            outcome,
            "{fail_on:?}"
        );
    }
    assert_eq!(
        case.run(&Lint {
            exit_zero: true,
            ..case.args(&["a"])
        }),
        Outcome::Clean
    );
}

#[test]
fn one_bad_file_does_not_hide_the_others() {
    let case = Case::new(&[
        ("a.dockerfile", "FROM BAD\n"),
        ("b.dockerfile", "FROM PANIC\n"),
        ("c.dockerfile", "BROKEN\nFROM BAD\n"),
        ("d.dockerfile", "\0"),
        ("e.dockerfile", "FROM fine\n"),
    ]);
    assert_eq!(case.run(&case.args(&["", "gone"])), Outcome::Failure);
    let wanted = [
        ("a.dockerfile", 1),
        ("b.dockerfile", -1),
        ("c.dockerfile", 2),
        ("d.dockerfile", -1),
        ("e.dockerfile", 0),
        ("gone", -1),
    ];
    assert_eq!(case.findings(), named(&wanted));
    assert_eq!(case.report()["summary"]["refused"], 1);
    assert_eq!(
        case.run(&case.args(&["a.dockerfile", "c.dockerfile"])),
        Outcome::Refused
    );
    let lenient = Lint {
        exit_zero: true,
        ..case.args(&["c.dockerfile"])
    };
    assert_eq!(case.run(&lenient), Outcome::Clean);
}

#[test]
fn many_files_come_in_the_order_of_their_paths() {
    let names: Vec<String> = (0..1200).map(|i| format!("{i:04}.dockerfile")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "FROM BAD BAD\n")).collect();
    let case = Case::new(&files);
    case.run(&case.args(&[""]));
    let wanted: Vec<(String, i64)> = names.iter().map(|n| (n.clone(), 2)).collect();
    assert_eq!(case.findings(), wanted);
}

#[test]
fn a_broken_config_stops_its_own_files_only() {
    let case = Case::new(&[
        ("a/Dockerfile", "FROM BAD\n"),
        ("b/Dockerfile", "FROM BAD\n"),
        ("b/mbopt.yaml", "wrong: 1\n"),
        ("c/Dockerfile", "FROM BAD\n"),
        ("c/mbopt.yaml", "silent\n"),
    ]);
    assert_eq!(case.run(&case.args(&[""])), Outcome::Failure);
    assert_eq!(
        case.findings(),
        named(&[("a/Dockerfile", 1), ("b/Dockerfile", -1), ("c/Dockerfile", 0)])
    );
    assert_eq!(
        case.run(&Lint {
            no_config: true,
            ..case.args(&["b", "c"])
        }),
        Outcome::Findings
    );
    assert_eq!(case.findings(), named(&[("b/Dockerfile", 1), ("c/Dockerfile", 1)]));
    let named_config = Lint {
        config: Some(case.path("c/mbopt.yaml")),
        ..case.args(&["a", "b"])
    };
    assert_eq!(case.run(&named_config), Outcome::Clean);
    let missing = Lint {
        config: Some(case.path("none.yaml")),
        ..case.args(&["a"])
    };
    assert_eq!(case.run(&missing), Outcome::Failure);
}

#[test]
fn fixing_writes_and_ends_clean() {
    let case = Case::new(&[
        ("Dockerfile", "FROM BAD\r\n# BAD\r\n"),
        ("sub/Dockerfile", "FROM fine\n"),
    ]);
    assert_eq!(
        case.run(&Lint {
            fix: true,
            ..case.args(&[""])
        }),
        Outcome::Clean
    );
    assert_eq!(
        fs::read_to_string(case.path("Dockerfile")).unwrap(),
        "FROM good\r\n# good\r\n"
    );
    assert_eq!(case.report()["summary"]["fixed"], 2);
    assert_eq!(case.report()["files"][0]["findings"], Value::Array(vec![]));
}

#[test]
fn a_diff_writes_nothing_and_ends_with_one() {
    let case = Case::new(&[("Dockerfile", "FROM BAD\n"), ("x.dockerfile", "FROM taste\n")]);
    let args = Lint {
        diff: true,
        fix: true,
        ..case.args(&[""])
    };
    assert_eq!(case.run(&args), Outcome::Findings);
    assert_eq!(fs::read_to_string(case.path("Dockerfile")).unwrap(), "FROM BAD\n");
    let diff = fs::read_to_string(case.folder.path().join("report")).unwrap();
    assert!(diff.ends_with("@@ -1 +1 @@\n-FROM BAD\n+FROM good\n"), "{diff}");
    assert_eq!(
        case.run(&Lint {
            diff: true,
            ..case.args(&["x.dockerfile"])
        }),
        Outcome::Clean
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_keeps_its_findings() {
    let case = Case::new(&[("Dockerfile.a", "FROM BAD\n"), ("outside/file", "FROM BAD\n")]);
    std::os::unix::fs::symlink(case.path("outside/file"), case.path("link")).unwrap();
    fs::create_dir(case.path("tree")).unwrap();
    fs::rename(case.path("link"), case.path("tree/Dockerfile")).unwrap();
    let args = Lint {
        fix: true,
        ..case.args(&["tree", "Dockerfile.a"])
    };
    assert_eq!(case.run(&args), Outcome::Failure);
    assert_eq!(fs::read_to_string(case.path("outside/file")).unwrap(), "FROM BAD\n");
    assert_eq!(
        fs::read_to_string(case.path("Dockerfile.a")).unwrap(),
        "FROM good\n",
        "the other one is mended"
    );
    let first = &case.report()["files"][0];
    assert_eq!(first["findings"][0]["rule"], "sample-rule");
    assert!(first["error"].as_str().unwrap().contains("leads out of"));
}

#[test]
fn nothing_to_lint_ends_with_three() {
    let case = Case::new(&[("a/x.txt", ""), ("b/Dockerfile", "FROM fine\n"), ("list", "")]);
    assert_eq!(case.run(&case.args(&["a"])), Outcome::NothingFound);
    assert_eq!(case.run(&case.args(&["a", "b"])), Outcome::NothingFound);
    let listed = Lint {
        file_list: Some(case.path("list")),
        ..case.args(&[])
    };
    assert_eq!(case.run(&listed), Outcome::NothingFound);
    let spared = Lint {
        exclude: vec!["Dockerfile".into()],
        force_exclude: true,
        ..case.args(&["b/Dockerfile"])
    };
    assert_eq!(case.run(&spared), Outcome::Clean, "what a hook leaves out is no fault");
}

#[test]
fn a_list_names_files() {
    let case = Case::new(&[("odd-name", "FROM BAD\n"), ("b/Dockerfile", "FROM fine\n")]);
    let list = format!(
        "{}\r\n\n{}\n",
        case.path("odd-name").display(),
        case.path("b").display()
    );
    fs::write(case.path("list"), list).unwrap();
    let args = Lint {
        file_list: Some(case.path("list")),
        ..case.args(&[])
    };
    assert_eq!(case.run(&args), Outcome::Findings);
    assert_eq!(case.findings(), named(&[("odd-name", 1), ("b/Dockerfile", 0)]));
}

#[test]
fn wrong_usage_ends_with_two_before_anything_is_done() {
    let case = Case::new(&[("Dockerfile", "FROM BAD\n")]);
    for args in [
        Lint {
            unsafe_fixes: true,
            ..case.args(&[""])
        },
        Lint {
            select: vec!["sampel-rule".into()],
            ..case.args(&[""])
        },
        Lint {
            context: Some(case.path("none")),
            ..case.args(&[""])
        },
        Lint {
            exclude: vec!["a[".into()],
            ..case.args(&[""])
        },
        Lint {
            file_list: Some(case.path("none")),
            ..case.args(&[""])
        },
    ] {
        assert_eq!(case.run(&args), Outcome::Failure, "{args:?}");
        assert!(!case.folder.path().join("report").exists());
    }
    assert_eq!(
        case.run(&Lint {
            select: vec!["dl9999".into(), "correctness".into()],
            ..case.args(&[""])
        }),
        Outcome::Findings
    );
}

#[test]
fn a_file_named_twice_is_done_once() {
    let case = Case::new(&[("sub/Dockerfile", "FROM BAD\n")]);
    case.run(&case.args(&["sub/../sub/Dockerfile", "sub", "sub/Dockerfile"]));
    assert_eq!(case.findings().len(), 1);
}

#[test]
fn a_config_can_be_strict_and_leave_files_out() {
    let case = Case::new(&[
        ("a/Dockerfile", "FROM taste\n"),
        ("b/Dockerfile", "FROM taste\n"),
        ("b/mbopt.yaml", "strict no-vendor\n"),
        ("b/vendor/Dockerfile", "FROM BAD\n"),
    ]);
    fs::create_dir(case.path(".git")).unwrap();
    assert_eq!(case.run(&case.args(&["a"])), Outcome::Clean);
    assert_eq!(case.run(&case.args(&["b"])), Outcome::Findings);
    assert_eq!(case.findings(), named(&[("b/Dockerfile", 1)]));
    let lenient = Lint {
        fail_on: Some(FailOn::Never),
        ..case.args(&["b"])
    };
    assert_eq!(
        case.run(&lenient),
        Outcome::Clean,
        "the command line stands above the config"
    );
    case.run(&case.args(&["b/vendor/Dockerfile"]));
    assert_eq!(
        case.findings(),
        named(&[("b/vendor/Dockerfile", 1)]),
        "a named file is linted"
    );
}
