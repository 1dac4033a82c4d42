//! What mbopt and hadolint find in the same files, code by code. No benchmark of time: it prints a
//! table of findings that both have, and that only one has, by instruction, and counts the classes of
//! difference that `fixtures/hadolint/differences.yaml` explains.
//!
//! ```console
//! $ hadolint --no-fail -f json FILES... > hadolint.jsonl
//! $ cargo bench --bench side_by_side -- FOLDER hadolint.jsonl
//! ```
//!
//! FOLDER is where hadolint was run; the file names in its report are relative to it, and all files
//! in the folders that they name are looked at. Files that either of the two refuses are left out, and
//! so are the comments that silence findings. Fails where more than one finding of a hundred of a code
//! is found by one alone for no reason that is written down, and where a reason explains nothing.

use mbopt::config::Settings;
use mbopt::model::{Dockerfile, Instruction};
use mbopt::rule::meta::Peer;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;
use regex::Regex;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Finding {
    file: String,
    code: String,
    line: usize,
}

/// Findings by code and by the first line of the instruction.
type Found = BTreeSet<(String, usize)>;

/// Who alone has a finding.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
enum Side {
    Hadolint,
    Mbopt,
}

/// A class of differences.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Class {
    codes: Vec<String>,
    only: Side,
    /// All that is said of the instruction must hold.
    #[serde(default)]
    when: When,
    /// Whom the difference shows to be right, and why.
    why: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct When {
    /// Whether the stage's layers end in the image.
    ships: Option<bool>,
    /// The instruction's text, lines joined as BuildKit joins them, matches.
    text: Option<String>,
    /// It does not match.
    not_text: Option<String>,
    /// The file's text up to the end of the instruction matches.
    above: Option<String>,
    /// The whole file matches.
    file: Option<String>,
    /// The image at the root of the stage matches, as it is written and with defaults put in.
    base: Option<String>,
    /// The base is Windows, as far as names tell.
    windows: Option<bool>,
    /// The other has the same code at another instruction of the file.
    #[serde(default)]
    elsewhere: bool,
    /// One of these places, as `file:line`; the file's name by its end.
    #[serde(default)]
    places: Vec<String>,
}

/// A class with its expressions compiled, and how often it held.
struct Counted {
    class: Class,
    text: Option<Regex>,
    not_text: Option<Regex>,
    above: Option<Regex>,
    file: Option<Regex>,
    base: Option<Regex>,
    count: usize,
}

/// One finding that only one has.
struct Difference<'a> {
    code: &'a str,
    line: usize,
    side: Side,
    name: &'a str,
    file: &'a Dockerfile,
    other: &'a Found,
}

impl Difference<'_> {
    fn instruction(&self) -> Option<&Instruction> {
        self.file.instructions.iter().find(|i| i.lines.0 == self.line)
    }

    /// The instruction's text on one line, without comments inside it.
    fn text(&self) -> String {
        let Some(instruction) = self.instruction() else {
            return String::new();
        };
        let lines = self.file.source.slice(instruction.span).lines();
        lines
            .filter(|line| !line.trim_start().starts_with('#'))
            .map(|line| line.trim_end().trim_end_matches(['\\', '`']))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl Counted {
    fn new(class: Class) -> Result<Counted, regex::Error> {
        let compile = |text: &Option<String>| text.as_deref().map(Regex::new).transpose();
        Ok(Counted {
            text: compile(&class.when.text)?,
            not_text: compile(&class.when.not_text)?,
            above: compile(&class.when.above)?,
            file: compile(&class.when.file)?,
            base: compile(&class.when.base)?,
            class,
            count: 0,
        })
    }

    fn holds(&self, d: &Difference<'_>) -> bool {
        let when = &self.class.when;
        if self.class.only != d.side || !self.class.codes.iter().any(|code| code == d.code) {
            return false;
        }
        let instruction = d.instruction();
        let stage = instruction.and_then(|i| d.file.stage_of(i));
        let text = d.text();
        let whole = d.file.source.text();
        let end = instruction.map_or(0, |i| i.span.end);
        let images = stage.map_or(Vec::new(), |s| {
            let written = d.file.from_of(s).map(|i| d.file.source.slice(i.span).to_owned());
            let full = s.root_image.as_ref().map(|image| image.text.clone());
            written.into_iter().chain(full).collect()
        });
        let place = |place: &String| {
            place
                .rsplit_once(':')
                .is_some_and(|(file, line)| d.name.ends_with(file) && line == d.line.to_string())
        };
        when.ships.is_none_or(|ships| stage.is_none_or(|s| s.ships) == ships)
            && when.windows.is_none_or(|w| stage.is_some_and(|s| s.windows) == w)
            && self.text.as_ref().is_none_or(|r| r.is_match(&text))
            && self.not_text.as_ref().is_none_or(|r| !r.is_match(&text))
            && self
                .above
                .as_ref()
                .is_none_or(|r| r.is_match(whole.get(..end).unwrap_or_default()))
            && self.file.as_ref().is_none_or(|r| r.is_match(whole))
            && self
                .base
                .as_ref()
                .is_none_or(|r| images.iter().any(|image| r.is_match(image)))
            && (!when.elsewhere || d.other.iter().any(|(code, line)| code == d.code && *line != d.line))
            && (when.places.is_empty() || when.places.iter().any(place))
    }
}

#[derive(Default)]
struct Row {
    both: usize,
    hadolint: usize,
    mbopt: usize,
    unexplained: Vec<String>,
}

fn ours(file: &Dockerfile) -> Found {
    let registry = Registry::builtin();
    let diagnostics = lint(registry, file, None, &Settings::default().for_file("Dockerfile"));
    diagnostics
        .iter()
        .flat_map(|d| {
            let line = first_line(file, file.source.lines().line(d.primary.span.start));
            d.rule.codes_of(Peer::Hadolint).map(move |code| (code.to_owned(), line))
        })
        .collect()
}

fn first_line(file: &Dockerfile, line: usize) -> usize {
    let whole = file
        .instructions
        .iter()
        .find(|i| i.lines.0 <= line && line <= i.lines.1);
    whole.map_or(line, |i| i.lines.0)
}

/// hadolint's findings by file, for every file in the folders that its report speaks of.
fn report(folder: &Path, report: &Path) -> Result<BTreeMap<String, Vec<Finding>>, Box<dyn std::error::Error>> {
    let mut theirs: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for line in std::fs::read_to_string(report)?
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        for finding in serde_json::from_str::<Vec<Finding>>(line)? {
            theirs.entry(finding.file.clone()).or_default().push(finding);
        }
    }
    let tops: BTreeSet<String> = theirs
        .keys()
        .filter_map(|name| name.split_once('/').map(|(top, _)| top.to_owned()))
        .collect();
    for top in tops {
        for entry in walkdir::WalkDir::new(folder.join(top)).into_iter().flatten() {
            if entry.file_type().is_file()
                && let Ok(name) = entry.path().strip_prefix(folder)
            {
                theirs.entry(name.to_string_lossy().into_owned()).or_default();
            }
        }
    }
    Ok(theirs)
}

fn classes() -> Result<Vec<Counted>, Box<dyn std::error::Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hadolint/differences.yaml");
    let classes: Vec<Class> = serde_yaml::from_str(&std::fs::read_to_string(path)?)?;
    Ok(classes.into_iter().map(Counted::new).collect::<Result<_, _>>()?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os()
        .skip(1)
        .filter(|a| a != "--bench")
        .map(PathBuf::from)
        .collect();
    let mut classes = classes()?;
    let [folder, their_report] = arguments.as_slice() else {
        println!("side_by_side: give a folder and hadolint's report on it; nothing was compared");
        return Ok(());
    };
    let mut table: BTreeMap<String, Row> = BTreeMap::new();
    let mut files = 0;
    for (name, findings) in &report(folder, their_report)? {
        if findings.iter().any(|f| f.code == "DL1000") {
            continue;
        }
        let file = Dockerfile::parse(SourceFile::new(name.as_str(), std::fs::read(folder.join(name))?));
        if file.hard_refusals().next().is_some() {
            continue;
        }
        files += 1;
        let their: Found = findings
            .iter()
            .map(|f| (f.code.clone(), first_line(&file, f.line)))
            .collect();
        let our = ours(&file);
        for key in their.union(&our).filter(|(code, _)| code.starts_with("DL")) {
            let row = table.entry(key.0.clone()).or_default();
            let (side, other) = match (their.contains(key), our.contains(key)) {
                (true, true) => {
                    row.both += 1;
                    continue;
                }
                (true, false) => (Side::Hadolint, &our),
                _ => (Side::Mbopt, &their),
            };
            match side {
                Side::Hadolint => row.hadolint += 1,
                Side::Mbopt => row.mbopt += 1,
            }
            let difference = Difference {
                code: &key.0,
                line: key.1,
                side,
                name,
                file: &file,
                other,
            };
            match classes.iter_mut().find(|class| class.holds(&difference)) {
                Some(class) => class.count += 1,
                None => row
                    .unexplained
                    .push(format!("{side:?} {name}:{}: {}", key.1, difference.text())),
            }
        }
    }
    println!("{files} files\n");
    println!(
        "{:8} {:>8} {:>14} {:>11} {:>12}",
        "code", "both", "only hadolint", "only mbopt", "unexplained"
    );
    for (code, row) in &table {
        let Row {
            both,
            hadolint,
            mbopt,
            unexplained,
        } = row;
        println!(
            "{code:8} {both:>8} {hadolint:>14} {mbopt:>11} {:>12}",
            unexplained.len()
        );
    }
    println!();
    for counted in &classes {
        let class = &counted.class;
        println!(
            "{:>6} only {:?} {}: {}",
            counted.count,
            class.only,
            class.codes.join(" "),
            class.why.trim()
        );
    }
    for (code, row) in &table {
        for text in &row.unexplained {
            println!("unexplained {code} {text}");
        }
    }
    let too_many = table.iter().filter(|(_, row)| {
        let all = row.both + row.hadolint + row.mbopt;
        row.unexplained.len() * 100 > all
    });
    let mut faults: Vec<String> = too_many
        .map(|(code, _)| format!("{code} differs without a reason"))
        .collect();
    let idle = classes.iter().filter(|c| c.count == 0);
    faults.extend(idle.map(|c| format!("nothing is explained by: {}", c.class.why.trim())));
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("; ").into())
    }
}
