//! `.dockerignore` files against paths: a folder a case in `fixtures/context/dockerignore`, with the
//! file itself and what it does in `expect`:
//!
//! ```text
//! + path       sent
//! - path       left out
//! prune path   an ignored folder that a walk leaves out
//! enter path   an ignored folder that a walk must look into
//! refused N    line N makes a build fail
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::context::Ignore;
use std::fs;
use std::path::Path;

#[test]
fn every_case_does_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/context/dockerignore");
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root).expect("the fixtures") {
        let folder = entry.expect("a case").path();
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect(name);
        let name = folder
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let ignore = Ignore::parse(&read("dockerignore"));
        let mut refused: Vec<usize> = ignore.problems().iter().map(|p| p.line).collect();
        let mut lines = 0;
        for line in read("expect").lines().filter(|line| !line.starts_with('#')) {
            let (verb, path) = line.split_once(' ').expect("a verb and a path");
            let holds = match verb {
                "-" => ignore.matches(path),
                "+" => !ignore.matches(path),
                "prune" => ignore.matches(path) && ignore.prunes(path),
                "enter" => ignore.matches(path) && !ignore.prunes(path),
                "refused" => {
                    let line: usize = path.parse().expect("a line");
                    let before = refused.len();
                    refused.retain(|known| *known != line);
                    refused.len() < before
                }
                other => panic!("{name}: unknown verb {other}"),
            };
            lines += 1;
            if !holds {
                wrong.push(format!("{name}: {line}"));
            }
        }
        wrong.extend(refused.iter().map(|line| format!("{name}: line {line} was refused")));
        assert!(lines > 0, "{name} expects nothing");
        cases += 1;
    }
    assert!(cases >= 10, "only {cases} cases were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
