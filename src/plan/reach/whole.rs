//! That the statements that are parsed say what the whole source says.

use super::{Found, Language, javascript, php, python, ruby, slice};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

fn look(text: &str, language: Language) -> Found {
    match language {
        Language::JavaScript => javascript::look(text),
        Language::Python => python::look(text),
        Language::Ruby => ruby::look(text),
        Language::Php => php::look(text),
    }
}

fn whole(text: &str, language: Language) -> Found {
    slice::WHOLE.set(true);
    let found = look(text, language);
    slice::WHOLE.set(false);
    found
}

/// What only one of the two has.
fn difference(parts: &Found, whole: &Found) -> String {
    let lines = |found: &Found| {
        let mut lines: Vec<String> = found.imports.iter().map(|i| format!("{i:?}")).collect();
        lines.extend(found.joined.iter().map(|i| format!("{i:?}")));
        lines.extend(found.programs.iter().map(|i| format!("{i:?}")));
        lines.extend(found.env.iter().map(|i| format!("env {i}")));
        lines
    };
    let (parts, whole) = (lines(parts), lines(whole));
    let more = parts
        .iter()
        .filter(|l| !whole.contains(l))
        .map(|l| format!("  + {l}\n"));
    let less = whole
        .iter()
        .filter(|l| !parts.contains(l))
        .map(|l| format!("  - {l}\n"));
    more.chain(less).collect()
}

#[derive(Debug, Default)]
struct Tally {
    files: usize,
    differ: usize,
    bytes: usize,
    parsed: usize,
    time: Duration,
    whole: Duration,
}

/// Compares every source below a folder.
fn compare(root: &Path) -> (BTreeMap<Language, Tally>, Vec<String>) {
    let mut tallies: BTreeMap<Language, Tally> = BTreeMap::new();
    let mut differences = Vec::new();
    let walk = ignore::WalkBuilder::new(root).standard_filters(false).build();
    for entry in walk.flatten() {
        let path = entry.path().to_string_lossy().into_owned();
        let Some(language) = Language::of(&path) else { continue };
        let Ok(text) = std::fs::read_to_string(entry.path()) else {
            continue;
        };
        if text.len() > super::FILE_LIMIT {
            continue;
        }
        let tally = tallies.entry(language).or_default();
        slice::PARSED.set(0);
        let began = Instant::now();
        let parts = look(&text, language);
        tally.time += began.elapsed();
        tally.files += 1;
        tally.bytes += text.len();
        tally.parsed += slice::PARSED.get();
        let began = Instant::now();
        let whole = whole(&text, language);
        tally.whole += began.elapsed();
        if parts != whole {
            tally.differ += 1;
            differences.push(format!("{path}\n{}", difference(&parts, &whole)));
        }
    }
    (tallies, differences)
}

#[test]
fn statements_say_what_the_whole_says() {
    let (tallies, differences) = compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    assert!(
        tallies.len() == 4 && differences.is_empty(),
        "{tallies:?}\n{}",
        differences.join("\n")
    );
}

/// The same for sources that are not part of this project: `MBOPT_SOURCES=FOLDER`.
#[test]
fn statements_say_what_the_whole_says_elsewhere() {
    let Some(root) = std::env::var_os("MBOPT_SOURCES") else {
        return;
    };
    let (tallies, differences) = compare(Path::new(&root));
    println!("{tallies:#?}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
