//! Compilers with the options of C's, called directly.

use super::linkage::{self, library};
use super::outputs::{Output, Outputs, in_cwd};
use super::step::Step;
use super::{Alteration, ArtifactKind, Linkage};
use crate::edit::Edit;
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
    let alter = linked_in(outputs, step, &kind);
    outputs.push(Output {
        path,
        kind,
        place: step.place,
        sources: vec![source, why],
        ecosystem: ecosystem.name,
        alter,
        explicit: step.via.is_empty() && step.option(&["-o"]).is_some(),
        conditions: Vec::new(),
    });
}

/// GCC's own image has a newer C++ library than any release: a program that is linked with nothing
/// else of C++ can have it linked in.
fn linked_in(outputs: &Outputs<'_>, step: &Step, kind: &ArtifactKind) -> Option<Alteration> {
    let image = outputs.site.base.filter(|b| b.image.names.contains(&"gcc"))?;
    if crate::plan::runtime::has_its_libstdcxx(&outputs.site) {
        return None;
    }
    let ArtifactKind::Binary { linkage, needs } = kind else {
        return None;
    };
    let alone = matches!(needs.as_slice(), [only] if only == "libstdc++");
    let driver = matches!(step.program.as_str(), "g++" | "c++") && !step.has("-lstdc++");
    let shares = ["-shared", "-rdynamic", "-static-pie", "-nostdlib"]
        .iter()
        .any(|w| step.has(w));
    let steered = step
        .words
        .iter()
        .any(|w| w.contains('$') || w.starts_with("-fsanitize") || w == "-ldl");
    let span = step.span.filter(|_| step.via.is_empty())?;
    let text = outputs.site.file().source.slice(span);
    let name = text
        .find(step.name.as_str())
        .filter(|_| alone && driver && !shares && !steered)?;
    Some(Alteration {
        edits: vec![Edit::insert(
            span.start + name + step.name.len(),
            " -static-libstdc++ -static-libgcc",
        )],
        says: format!(
            "the program is linked with -static-libstdc++, since the C++ library of `{}` is newer than Debian's",
            image.image.names.first().copied().unwrap_or_default()
        ),
        kind: ArtifactKind::Binary {
            linkage: *linkage,
            needs: Vec::new(),
        },
        conditions: Vec::new(),
    })
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
