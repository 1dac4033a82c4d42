//! The program as a process: the cases in `fixtures/cli`, and what cannot be kept as files there.

#![allow(clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program, with nothing of our own environment that could change what it prints.
fn mbopt(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbopt"));
    command.current_dir(folder);
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Runs to the end, or fails when that takes too long.
fn within(seconds: u64, mut command: Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let end = Instant::now() + Duration::from_secs(seconds);
    while child.try_wait().expect("a child").is_none() {
        if Instant::now() > end {
            child.kill().expect("a child");
            panic!("still running after {seconds} s");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("a child")
}

#[test]
fn cases() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .case("fixtures/cli/*.trycmd")
        .case("fixtures/cli/*.toml");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_does_not_block() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("mkfifo")
        .arg(folder.path().join("Dockerfile"))
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let mut named = mbopt(folder.path());
    named.args(["lint", "Dockerfile"]);
    let output = within(20, named);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        words(&output.stderr).contains("Dockerfile: is a pipe"),
        "{}",
        words(&output.stderr)
    );
    let mut searched = mbopt(folder.path());
    searched.arg("lint");
    assert_eq!(
        within(20, searched).status.code(),
        Some(3),
        "a search takes regular files only"
    );
}

#[test]
fn a_closed_output_ends_quietly() {
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..2_000 {
        std::fs::write(folder.path().join(format!("{i}.dockerfile")), "FROM scratch\n").expect("written");
    }
    let mut child = mbopt(folder.path())
        .args(["lint", "--format", "json", "--fail-on", "never"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    assert!(!words(&output.stderr).contains("panic") && !words(&output.stderr).contains("rror"));
}

#[test]
fn a_report_does_not_replace_what_is_linted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("Dockerfile");
    std::fs::write(&path, "FROM scratch\n").expect("written");
    let run = |output: &str| {
        mbopt(folder.path())
            .args(["lint", "-o", output])
            .output()
            .expect("runs")
    };
    let refused = run("./Dockerfile");
    assert_eq!(refused.status.code(), Some(2));
    assert!(words(&refused.stderr).contains("one of the files to lint"));
    assert_eq!(std::fs::read(&path).expect("read"), b"FROM scratch\n");
    assert_eq!(run("new/report").status.code(), Some(0));
    assert_eq!(run("new/report").status.code(), Some(0));
}

/// Without the comment above it, a comment that looks like a directive would become one.
#[test]
fn a_comment_above_a_would_be_directive_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("Dockerfile");
    let fixed = |text: &str| {
        std::fs::write(&path, text).expect("written");
        mbopt(folder.path()).args(["lint", "--fix"]).output().expect("runs");
        std::fs::read_to_string(&path).expect("read")
    };
    let held = "# mbopt: ignore-file[DL3004] x\n# syntax=docker/dockerfile:1\nFROM scratch\nCOPY a /\n";
    assert_eq!(fixed(held), held);
    let free = "# syntax=docker/dockerfile:1\n# mbopt: ignore-file[DL3004] x\n# a comment\nFROM scratch\nCOPY a /\n";
    assert_eq!(fixed(free), free.replace("# mbopt: ignore-file[DL3004] x\n", ""));
}

#[test]
fn a_script_that_is_too_large_is_said_not_to_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("Dockerfile");
    let run = |text: String| {
        std::fs::write(&path, text).expect("written");
        let output = mbopt(folder.path()).args(["lint", "--select", "DL3004"]).output();
        words(&output.expect("runs").stderr)
    };
    for (head, tail) in [("RUN true", ""), ("RUN <<EOF\ntrue", "\nEOF\n")] {
        let glue = if tail.is_empty() { " \\\n && sudo x" } else { "\nsudo x" };
        let text = |times| format!("FROM scratch\n\n{head}{}{tail}", glue.repeat(times));
        let said = run(text(40_000));
        assert!(said.contains("line 3 is larger than 256 KiB"), "{said}");
        assert_eq!(run(text(10)), "");
    }
}

/// Each comment looks only at the findings in its reach.
#[test]
fn many_suppressions_cost_no_more_than_they_must() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "FROM scratch\n".to_owned();
    for i in 0..5_000 {
        text.push_str(&format!(
            "# mbopt: ignore[DL3004] x\nRUN sudo x{i}\n# mbopt: ignore[DL3008] x\nRUN sudo y{i}\n"
        ));
    }
    std::fs::write(folder.path().join("Dockerfile"), text).expect("written");
    let mut command = mbopt(folder.path());
    command.args([
        "lint",
        "--format",
        "concise",
        "--select",
        "sudo-in-build,unused-suppression,DL3008",
    ]);
    let report = folder.path().join("report");
    command.arg("-o").arg(&report);
    let output = within(60, command);
    assert_eq!(output.status.code(), Some(1));
    let report = std::fs::read_to_string(report).expect("read");
    assert_eq!(report.matches("sudo-in-build").count(), 5_000);
    assert_eq!(report.matches("unused-suppression").count(), 5_000);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").expect("written");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("a device");
    let output = mbopt(folder.path())
        .args(["lint", "--format", "json"])
        .stdout(full)
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        words(&output.stderr).starts_with("error: the report: "),
        "{}",
        words(&output.stderr)
    );
}

#[test]
fn standard_input_is_mended_to_standard_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = mbopt(folder.path())
        .args([
            "lint",
            "--fix",
            "--fail-on",
            "never",
            "--stdin-filename",
            "sub/Dockerfile",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    // Only a label, so that there is hardly anything to find, and no final newline.
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"FROM scratch\r\nLABEL a=b")
        .expect("written");
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(words(&output.stdout), "FROM scratch\r\nLABEL a=b");
}
