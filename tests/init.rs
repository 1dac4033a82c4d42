//! A repository that moves from hadolint's settings to mbopt's gets the same findings as before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn mbopt(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mbopt"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("runs")
}

const DOCKERFILE: &str = "\
FROM python:3.11
MAINTAINER someone
ENV A b
RUN apt-get update && apt-get install curl nano
RUN sudo pip install flask
COPY . /app
EXPOSE 80000
CMD python app.py
";

#[test]
fn findings_and_exit_codes_stay_as_they_were() {
    let cases = [
        "",
        "ignored: [DL3008, DL3009, DL4000]\n",
        "override:\n  error: [DL3014, DL3015]\n  style: [DL3008]\nfailure-threshold: error\n",
        "ignored:\n  - DL3008\n  - DL9999\n  - SC2086\nno-fail: true\n",
        "trustedRegistries: [example.org]\nlabel-schema: {author: text}\nstrict-labels: true\nformat: json\n",
        "override:\n  warning: [DL3004]\n  info: [DL3004]\n",
    ];
    for settings in cases {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("Dockerfile"), DOCKERFILE).unwrap();
        fs::write(folder.path().join(".hadolint.yaml"), settings).unwrap();
        let lint = ["lint", "--format", "json", "--shellcheck", "off"];
        let before = mbopt(folder.path(), &lint);
        let init = mbopt(folder.path(), &["init"]);
        assert_eq!(
            init.status.code(),
            Some(0),
            "{settings}: {}",
            String::from_utf8_lossy(&init.stderr)
        );
        assert!(folder.path().join("mbopt.yaml").exists());
        let after = mbopt(folder.path(), &lint);
        let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
        assert!(text(&before).contains("\"findings\":[{"), "{settings}");
        assert_eq!(text(&before), text(&after), "{settings}");
        assert_eq!(before.status.code(), after.status.code(), "{settings}");
    }
}
