//! ShellCheck's findings stand at their places in the Dockerfile: `fixtures/shellcheck/<case>` holds a
//! Dockerfile and, in `expected.txt`, for each finding its line and column, its code and the words
//! under it. The program is the `shellcheck` on the PATH, or what MBOPT_SHELLCHECK names; without it
//! these tests say that they are skipped. MBOPT_BLESS=1 writes what is found.

#![allow(clippy::expect_used, clippy::panic)]

use mbopt::rule::Registry;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

/// Whether there is a ShellCheck; says so where there is none.
fn is_installed() -> bool {
    let program = env::var_os("MBOPT_SHELLCHECK").unwrap_or_else(|| "shellcheck".into());
    let found = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|o| o.status.success());
    if !found {
        // Past the capture of the test's output, so that it is seen.
        let _ = writeln!(std::io::stderr(), "skipped: shellcheck is not installed");
    }
    found
}

fn mbopt(arguments: &[&str], text: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mbopt"))
        .args(["lint", "--no-config"])
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mbopt starts");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(text)
        .expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn findings(arguments: &[&str], text: &[u8]) -> Vec<Value> {
    let output = mbopt(&[&["--format", "json"], arguments].concat(), text);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    report["files"][0]["findings"].as_array().expect("findings").clone()
}

const REQUIRED: [&str; 4] = ["--shellcheck", "require", "--select", "shellcheck"];

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/shellcheck");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("fixtures")
        .map(|e| e.expect("an entry").path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 10);
    cases
}

#[test]
fn findings_stand_at_their_places() {
    if !is_installed() {
        return;
    }
    let mut problems = String::new();
    for case in cases() {
        let text = fs::read(case.join("Dockerfile")).expect("a Dockerfile");
        let mut found = String::new();
        for finding in findings(&REQUIRED, &text) {
            let place = |key: &str| finding[key].as_u64().expect("a number") as usize;
            let words = std::str::from_utf8(&text[place("start")..place("end")]).expect("whole characters");
            let code = finding["rule"].as_str().expect("a rule");
            let _ = writeln!(found, "{}:{} {code} {words:?}", place("line"), place("column"));
        }
        let expected = case.join("expected.txt");
        if env::var_os("MBOPT_BLESS").is_some() {
            fs::write(&expected, &found).expect("written");
        }
        if fs::read_to_string(&expected).unwrap_or_default() != found {
            let _ = writeln!(problems, "{}: found\n{found}", case.display());
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn the_examples_of_the_rule_hold() {
    if !is_installed() {
        return;
    }
    let rule = Registry::builtin().find("shellcheck").expect("the rule");
    for example in rule.examples {
        if !example.bad.is_empty() {
            assert!(
                !findings(&REQUIRED, example.bad.as_bytes()).is_empty(),
                "{}",
                example.bad
            );
        }
        assert!(
            findings(&REQUIRED, example.good.as_bytes()).is_empty(),
            "{}",
            example.good
        );
    }
}

#[test]
fn changes_are_made_where_the_words_are() {
    if !is_installed() {
        return;
    }
    let text = "FROM debian:12\nRUN echo \"é\" \\\n # no\n  && touch $A\\\n  $B\n";
    let fixed = mbopt(&[&REQUIRED[..], &["--fix", "--unsafe-fixes"]].concat(), text.as_bytes());
    let expected = "FROM debian:12\nRUN echo \"é\" \\\n # no\n  && touch \"$A\"\\\n  \"$B\"\n";
    assert_eq!(String::from_utf8_lossy(&fixed.stdout), expected);
    let safe = mbopt(&[&REQUIRED[..], &["--fix"]].concat(), text.as_bytes());
    assert_eq!(String::from_utf8_lossy(&safe.stdout), text);
}

#[test]
fn codes_are_selected_and_ignored_like_rules() {
    if !is_installed() {
        return;
    }
    let text = b"FROM debian:12\nRUN echo $A; cd /x\n";
    let codes = |arguments: &[&str]| -> Vec<String> {
        let found = findings(&[&["--shellcheck", "auto"], arguments].concat(), text);
        found
            .iter()
            .filter_map(|f| f["rule"].as_str())
            .filter(|c| c.starts_with("SC"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(codes(&["--select", "SC2086"]), ["SC2086"]);
    assert_eq!(codes(&["--select", "shellcheck", "--ignore", "sc2086"]), ["SC2164"]);
    assert_eq!(codes(&["--ignore", "shellcheck"]), [""; 0]);
    assert_eq!(codes(&["--select", "correctness", "--ignore", "SC2164"]), ["SC2086"]);
    assert_eq!(findings(&["--select", "shellcheck"], text).len(), 0, "off by default");
}

#[test]
fn its_absence_is_said_or_an_error() {
    let run = |when: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mbopt"));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/shellcheck/onbuild/Dockerfile");
        command.env("MBOPT_SHELLCHECK", "/nowhere/shellcheck");
        let output = command
            .args(["lint", "--no-config", "--select", "shellcheck", "--shellcheck", when])
            .arg(file)
            .output();
        let output = output.expect("mbopt starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, said) = run("auto");
    assert!(
        code == Some(0) && said.matches("ShellCheck is not installed").count() == 1,
        "{said}"
    );
    let (code, said) = run("require");
    assert!(
        code == Some(2) && said.contains("/nowhere/shellcheck") && said.contains("apt install shellcheck"),
        "{said}"
    );
    let (code, said) = run("off");
    assert!(code == Some(0) && said.contains("--shellcheck auto"), "{said}");
}

#[test]
fn settings_of_hadolint_ask_it_where_it_is_installed() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Dockerfile"), "FROM debian:12\nRUN echo $A\n").expect("written");
    let said = |settings: &str| {
        for name in [".hadolint.yaml", "mbopt.yaml"] {
            let _ = fs::remove_file(folder.path().join(name));
        }
        let text = if settings == "mbopt.yaml" {
            "ignore: []\n"
        } else {
            "ignored: []\n"
        };
        fs::write(folder.path().join(settings), text).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mbopt"));
        command
            .env("MBOPT_SHELLCHECK", "/nowhere/shellcheck")
            .current_dir(folder.path());
        let output = command.args(["lint", "Dockerfile"]).output().expect("mbopt starts");
        String::from_utf8_lossy(&output.stderr).contains("ShellCheck is not installed")
    };
    assert!(said(".hadolint.yaml"));
    assert!(!said("mbopt.yaml"));
}

/// The scripts of many files are asked about in a few processes, not one for each file.
#[cfg(unix)]
#[test]
fn many_files_take_few_processes() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let program = folder.path().join("shellcheck");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {}\ncase \"$1\" in --version) echo 'version: 0.10.0' ;; *) echo '{{\"comments\": []}}' ;; esac\n",
        log.display()
    );
    fs::write(&program, script).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made executable");
    let files = folder.path().join("files");
    for n in 0..60 {
        let one = files.join(format!("f{n}"));
        fs::create_dir_all(&one).expect("a folder");
        let text = format!("FROM debian:12\nRUN echo {n}\nCMD run {n}\nHEALTHCHECK CMD ask {n}\n");
        fs::write(one.join("Dockerfile"), text).expect("written");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_mbopt"))
        .args([
            "lint",
            "--no-config",
            "--shellcheck",
            "require",
            "--select",
            "shellcheck",
        ])
        .arg(&files)
        .env("MBOPT_SHELLCHECK", &program)
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .expect("mbopt runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = fs::read_to_string(&log).expect("it was asked");
    let asked: Vec<&str> = log.lines().filter(|line| !line.contains("--version")).collect();
    let scripts: usize = asked
        .iter()
        .map(|line| line.split(' ').filter(|word| !word.starts_with('-')).count())
        .sum();
    assert_eq!((asked.len(), scripts), (2, 180), "{log}");
}
