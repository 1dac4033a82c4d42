//! Each folder of `fixtures/syntax/` holds a `Dockerfile` and what BuildKit's parser makes of it:
//! `result`, its tree as nested lists, or `refused`, the line it names (`-` for none) and its message.
//! Bytes that are not UTF-8 are seen as `\x1a`, except in JSON strings.
//!
//! `MBOPT_BLESS=1` writes the files anew; look at each change before you believe it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod syntax_dump;

use mbopt::source::SourceFile;
use std::path::Path;

#[test]
fn each_case_gives_what_buildkit_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/syntax");
    let bless = std::env::var_os("MBOPT_BLESS").is_some();
    let mut cases: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 50, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let source = SourceFile::new("Dockerfile", std::fs::read(case.join("Dockerfile")).unwrap());
        let (name, found) = match syntax_dump::dump(&source) {
            Ok(result) => ("result", result),
            Err(refusal) => {
                let line = refusal.line.map_or("-".to_owned(), |line| line.to_string());
                ("refused", format!("{line}\n{}\n", refusal.message))
            }
        };
        if bless {
            std::fs::write(case.join(name), &found).unwrap();
        }
        let expected = std::fs::read_to_string(case.join(name)).unwrap_or_else(|_| format!("no file {name}"));
        let other = if name == "result" { "refused" } else { "result" };
        if expected != found || case.join(other).exists() {
            wrong.push(format!(
                "{}\n--- expected\n{expected}--- found, {name}\n{found}",
                case.display()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
