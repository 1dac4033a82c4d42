//! Compilers with the options of C's, called directly.

use super::linkage::{self, library};
use super::outputs::{Output, Outputs, in_cwd};
use super::step::Step;
use super::{ArtifactKind, Linkage};
use crate::knowledge::ecosystem::{Build, Ecosystem};
use crate::plan::evidence::Evidence;

/// Takes note of what the step makes.
pub fn step(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, build: &'static Build, step: &Step) {
    let only_objects = step.words.iter().any(|w| {
        matches!(
            w.as_str(),
            "-c" | "-S" | "-E" | "-M" | "-MM" | "--version" | "-v" | "-dumpversion"
        )
    });
    if only_objects || step.operands(&["-o"]).is_empty() {
        return;
    }
    let (path, source) = match step.option(&["-o"]) {
        Some(name) => match step.path(name) {
            Some(path) => (path, step.evidence(format!("`-o {name}` names the output"))),
            None => return,
        },
        None => match in_cwd(step, "a.out") {
            Some(path) => (path, Evidence::tool("compilers write a.out unless told otherwise")),
            None => return,
        },
    };
    if path.ends_with(".o") || path.ends_with(".a") || path.starts_with("/dev/") {
        return;
    }
    let (kind, why) = link(outputs, build, step);
    outputs.push(Output {
        path,
        kind,
        place: step.place,
        sources: vec![source, why],
        ecosystem: ecosystem.name,
        alter: None,
        explicit: step.via.is_empty() && step.option(&["-o"]).is_some(),
        conditions: Vec::new(),
    });
}

fn link(outputs: &Outputs<'_>, build: &Build, step: &Step) -> (ArtifactKind, Evidence) {
    let fully = step
        .words
        .iter()
        .any(|w| matches!(w.as_str(), "-static" | "--static" | "-static-pie" | "-Wl,-static"));
    if fully {
        let kind = ArtifactKind::Binary {
            linkage: Linkage::Static,
            needs: Vec::new(),
        };
        return (kind, step.evidence("`-static` links everything in"));
    }
    let mut needs = libraries(&step.words);
    let cxx = matches!(step.program.as_str(), "g++" | "c++" | "clang++");
    if cxx && !step.has("-static-libstdc++") {
        needs.push("libstdc++".to_owned());
    }
    // `-static-libgfortran` and its kin link the language's library in.
    let linked = build.libraries.iter().filter(|l| !step.has(&format!("-static-{l}")));
    needs.extend(linked.map(|l| linkage::package(l)));
    needs.sort();
    needs.dedup();
    let kind = ArtifactKind::Binary {
        linkage: linkage::dynamic(outputs),
        needs,
    };
    (
        kind,
        Evidence::tool("compilers link against the C library of the system"),
    )
}

/// The libraries that linker options and `pkg-config` name.
pub fn libraries(words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_config = false;
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        if word.contains("pkg-config") {
            in_config = true;
        } else if in_config {
            let name = word.trim_end_matches([')', '`']);
            if !name.starts_with('-') {
                found.extend(library(name));
            }
            in_config = !word.ends_with([')', '`']);
        } else if word == "-l" {
            found.extend(words.next().and_then(library));
        } else if let Some(name) = word.strip_prefix("-l") {
            found.extend(library(name));
        } else if word == "-fopenmp" {
            found.push(linkage::package("libgomp"));
        } else if word.starts_with("-fsanitize=address") {
            found.push(linkage::package("libasan"));
        }
    }
    found
}
