//! Writing a legacy pair with `=` keeps the value that BuildKit reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::apply::{self, Linted};
use mbopt::config::Settings;
use mbopt::edit::Applicability;
use mbopt::model::Dockerfile;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;

fn check(source: SourceFile) -> Linted {
    let file = Dockerfile::parse(source);
    let mut diagnostics = lint(
        Registry::builtin(),
        &file,
        None,
        &Settings::default().for_file("Dockerfile"),
    );
    diagnostics.retain(|d| d.rule.id == "legacy-key-value");
    Linted {
        file,
        diagnostics,
        notes: Vec::new(),
    }
}

fn value(file: &Dockerfile) -> Option<String> {
    file.view_of(file.stages.last()?)
        .get("K")?
        .value
        .as_deref()
        .map(str::to_owned)
}

#[test]
fn fixing_keeps_the_value() {
    let values = [
        "a",
        "a b",
        "a  b\tc",
        "\"a b\"",
        "\"a\" b",
        "'a b' c",
        "a\\ b",
        "a\\ b c",
        "$X",
        "$X y",
        "\"$X\" y",
        "'$X' y",
        "\\\"q\\\" z",
        "a\\\\ b",
        "a=b c=d",
        "= b",
        "x\"y z\"w v",
        "\\$X y",
        "${X:-a b} c",
        "a#b # c",
        "{\"k\": \"v\"}",
        "a \\\n  b",
        "a\\\n  b",
        "ä ö",
        "a;b && c",
        "-Dx=\"a b\" 'c d' e\\ f",
    ];
    let mut fixed = 0;
    for raw in values {
        let text = format!("FROM scratch\nENV X=1\nENV K {raw}\n");
        let before = check(SourceFile::new("Dockerfile", text.clone()));
        assert_eq!(before.diagnostics.len(), 1, "{text}");
        let after = apply::fix(SourceFile::new("Dockerfile", text), Applicability::Safe, &check);
        let file = &after.linted.file;
        assert_eq!(value(&before.file), value(file), "{raw} became {}", file.source.text());
        assert_eq!(file.refusals, [], "{raw} became {}", file.source.text());
        fixed += after.applied.len();
    }
    // The grammar reads a few of them otherwise, which closes them to fixes.
    assert!(fixed >= values.len() - 5, "only {fixed} of {} are fixed", values.len());
}
