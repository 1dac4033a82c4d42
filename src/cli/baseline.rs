//! `--baseline`: findings that are known already and are not to be reported again.
//!
//! The file lists, for each Dockerfile and rule, the fingerprints of the lines with findings. A
//! fingerprint is made of the line's text, not of its number, so lines may move; whoever edits the
//! line itself gets to see its findings.

use super::read::irregular;
use super::surroundings::normal;
use crate::report::{FileReport, INVALID, fingerprint};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The version of the file's layout.
const VERSION: u32 = 1;
/// The largest baseline that is read, in bytes: some 300,000 findings.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Rule ids, each with a fingerprint for each finding.
type Rules = BTreeMap<String, Vec<String>>;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    /// By path from the baseline's folder, with `/`.
    files: BTreeMap<String, Rules>,
}

/// Where paths of a baseline begin.
#[derive(Debug, Clone)]
struct Frame {
    here: PathBuf,
    folder: PathBuf,
}

impl Frame {
    fn new(file: &Path, here: &Path) -> Self {
        let full = normal(&here.join(file));
        Frame {
            here: here.to_owned(),
            folder: full.parent().map_or(full.clone(), Path::to_owned),
        }
    }

    /// The key of a linted file: its path from the baseline's folder; the whole path where it does
    /// not lie below.
    fn key(&self, path: &str) -> String {
        let full = normal(&self.here.join(path));
        let short = full.strip_prefix(&self.folder).unwrap_or(&full);
        let names: Vec<_> = short.iter().map(|name| name.to_string_lossy()).collect();
        names.join("/").replace("//", "/")
    }
}

/// Known findings.
#[derive(Debug)]
pub struct Baseline {
    frame: Frame,
    files: BTreeMap<String, Rules>,
    /// Known findings of files of this run that are there no more.
    gone: AtomicUsize,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// What is wrong with the file, for people.
    pub fn read(file: &Path, here: &Path) -> Result<Baseline, String> {
        let fault = |why: String| format!("--baseline {}: {why}", file.display());
        let metadata = std::fs::metadata(file).map_err(|error| {
            fault(match error.kind() {
                std::io::ErrorKind::NotFound => {
                    format!(
                        "no such file; `mbopt lint --write-baseline {}` writes it",
                        file.display()
                    )
                }
                _ => error.to_string(),
            })
        })?;
        if let Some(kind) = irregular(&metadata) {
            return Err(fault(format!("a baseline must be a regular file, and this is {kind}")));
        }
        if metadata.len() > LIMIT {
            return Err(fault("larger than 16 MiB".to_owned()));
        }
        let bytes = std::fs::read(file).map_err(|error| fault(error.to_string()))?;
        let document: Document = serde_json::from_slice(&bytes)
            .map_err(|error| fault(format!("not a baseline: {error}; write it anew with --write-baseline")))?;
        if document.version != VERSION {
            return Err(fault(format!(
                "has version {}, and this mbopt reads {VERSION}; write it anew with --write-baseline",
                document.version
            )));
        }
        Ok(Baseline {
            frame: Frame::new(file, here),
            files: document.files,
            gone: AtomicUsize::new(0),
        })
    }

    /// Takes the known findings out of a report. What BuildKit refuses is never known.
    pub fn filter(&self, report: &mut FileReport) {
        let Some(rules) = self.files.get(&self.frame.key(&report.path)) else {
            return;
        };
        let Some(source) = &report.source else { return };
        let mut left: HashMap<&str, HashMap<&str, usize>> = HashMap::new();
        for (rule, prints) in rules {
            let counts = left.entry(rule).or_default();
            prints.iter().for_each(|print| *counts.entry(print).or_insert(0) += 1);
        }
        let before = report.diagnostics.len();
        report.diagnostics.retain(|diagnostic| {
            if diagnostic.rule.id == INVALID.id {
                return true;
            }
            let print = fingerprint(diagnostic, source);
            let count = left
                .get_mut(diagnostic.rule.id)
                .and_then(|counts| counts.get_mut(print.as_str()));
            match count {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            }
        });
        report.known = before - report.diagnostics.len();
        let gone = left.values().flat_map(HashMap::values).sum();
        self.gone.fetch_add(gone, Ordering::Relaxed);
    }

    /// How many known findings were not found again in the files that were filtered.
    pub fn gone(&self) -> usize {
        self.gone.load(Ordering::Relaxed)
    }
}

/// A baseline that is being made (`--write-baseline`).
#[derive(Debug)]
pub struct Recorder {
    frame: Frame,
    files: BTreeMap<String, Rules>,
    count: usize,
}

impl Recorder {
    /// Makes a baseline that will stand at `file`.
    pub fn new(file: &Path, here: &Path) -> Self {
        Recorder {
            frame: Frame::new(file, here),
            files: BTreeMap::new(),
            count: 0,
        }
    }

    /// Takes down the findings of a file.
    pub fn take(&mut self, report: &FileReport) {
        let Some(source) = &report.source else { return };
        for diagnostic in report.diagnostics.iter().filter(|d| d.rule.id != INVALID.id) {
            let rules = self.files.entry(self.frame.key(&report.path)).or_default();
            let prints = rules.entry(diagnostic.rule.id.to_owned()).or_default();
            prints.push(fingerprint(diagnostic, source));
            self.count += 1;
        }
    }

    /// How many findings were taken down.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The file's text. Sorted, one fingerprint a line, so that versions merge well.
    pub fn text(mut self) -> String {
        let prints = self.files.values_mut().flat_map(BTreeMap::values_mut);
        prints.for_each(|prints| prints.sort_unstable());
        let document = Document {
            version: VERSION,
            files: self.files,
        };
        // A value made of strings can be written.
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, at};
    use crate::source::SourceFile;

    fn report(path: &str, text: &str, words: &[&str]) -> FileReport {
        let findings = words.iter().map(|w| sample::warning(at(text, w), "m")).collect();
        FileReport::new(path, SourceFile::new(path, text), findings, Vec::new())
    }

    fn round(recorded: &[FileReport]) -> (tempfile::TempDir, Baseline) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known.json");
        let mut recorder = Recorder::new(&file, folder.path());
        recorded.iter().for_each(|report| recorder.take(report));
        std::fs::write(&file, recorder.text()).unwrap();
        let baseline = Baseline::read(&file, folder.path()).unwrap();
        (folder, baseline)
    }

    #[test]
    fn moved_lines_are_known_and_changed_or_added_ones_are_new() {
        let (_folder, baseline) = round(&[report("a/Dockerfile", "FROM x\nRUN one\nRUN two\n", &["one", "two"])]);
        let mut moved = report(
            "./a/Dockerfile",
            "# new\nFROM x\n\n RUN two\nRUN one\n",
            &["one", "two"],
        );
        baseline.filter(&mut moved);
        assert_eq!((moved.diagnostics.len(), moved.known, baseline.gone()), (0, 2, 0));
        let mut changed = report("a/Dockerfile", "FROM x\nRUN one 1\nRUN two\n", &["one", "two"]);
        baseline.filter(&mut changed);
        assert_eq!((changed.diagnostics.len(), changed.known, baseline.gone()), (1, 1, 1));
        let mut other = report("b/Dockerfile", "FROM x\nRUN one\n", &["one"]);
        baseline.filter(&mut other);
        assert_eq!((other.diagnostics.len(), other.known), (1, 0));
    }

    #[test]
    fn a_second_line_with_the_same_text_is_new() {
        let (_folder, baseline) = round(&[report("Dockerfile", "RUN one\n", &["one"])]);
        let text = "RUN one\nRUN one\n";
        let mut twice = report("Dockerfile", text, &["one"]);
        let mut second = twice.diagnostics[0].clone();
        second.primary.span = crate::source::Span::new(12, 15);
        twice.diagnostics.push(second);
        baseline.filter(&mut twice);
        assert_eq!(twice.diagnostics.len(), 1);
    }

    #[test]
    fn paths_begin_at_the_baselines_folder() {
        let here = Path::new("/repo/services");
        let frame = Frame::new(Path::new("../known.json"), here);
        assert_eq!(frame.key("./web/Dockerfile"), "services/web/Dockerfile");
        assert_eq!(frame.key("../x/Dockerfile"), "x/Dockerfile");
    }

    #[test]
    fn a_file_that_is_no_baseline_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.json");
        let said = Baseline::read(&file, folder.path()).unwrap_err();
        assert!(said.contains("no such file; `mbopt lint --write-baseline"), "{said}");
        for text in ["", "{}", "{\"version\": 1, \"files\": 3}"] {
            std::fs::write(&file, text).unwrap();
            let said = Baseline::read(&file, folder.path()).unwrap_err();
            assert!(
                said.contains("not a baseline") && said.contains("--write-baseline"),
                "{said}"
            );
        }
        std::fs::write(&file, "{\"version\": 9, \"files\": {}}").unwrap();
        assert!(
            Baseline::read(&file, folder.path())
                .unwrap_err()
                .contains("has version 9")
        );
    }
}
