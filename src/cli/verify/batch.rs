//! Many projects at once: goes on after a failure, as many side by side as fit, one summary; what was
//! done already is not done again.

use super::place::{Place, dockerfile_in};
use super::{Failure, Session, outcome, put};
use crate::cli::build::show::Show;
use crate::cli::console::say;
use crate::cli::engine::Engine as Lint;
use crate::cli::exit::Outcome;
use crate::cli::verify::arguments::VerifyFormat;
use crate::executor::{Error, Event, Sink};
use crate::report::verification::batch::{Row, markdown, table};
use crate::verify::Report;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where results are kept unless the user says so.
const RESULTS: &str = "mbopt-verify.jsonl";
/// How deep projects are looked for below a folder that is none itself.
const DEPTH: usize = 3;
/// Memory that a build with its probes may need, in bytes: what decides how many run at once.
const MEMORY: u64 = 3 << 30;

/// Verifies all projects.
///
/// # Errors
/// The summary cannot be written, or the engine is gone.
pub fn run<L: Lint>(session: &Session<'_, L>) -> Result<Outcome, Failure> {
    let args = session.args;
    let mut projects = Vec::new();
    for given in &args.batch {
        match given.is_dir() {
            true => collect(given, 0, &mut projects),
            false if given.is_file() => projects.push(given.clone()),
            false => return Err(Failure::Usage(format!("{}: there is no such folder", given.display()))),
        }
    }
    if projects.is_empty() {
        return Err(Failure::Usage(
            "there is no Dockerfile in any of the folders".to_owned(),
        ));
    }
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(RESULTS));
    let failed = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let known = earlier(&path);
    let results = File::options().create(true).append(true).open(&path).map_err(failed)?;
    let work = Work {
        session,
        results: Mutex::new(results),
        done: Mutex::new(BTreeMap::new()),
        left: Mutex::new(projects.iter().cloned().enumerate().collect()),
        ended: Mutex::new(None),
        known,
    };
    let jobs = args.jobs.unwrap_or_else(|| fitting(projects.len())).max(1);
    if !session.global.quiet {
        say(&format!(
            "{} projects, {jobs} at a time; results go to {}",
            projects.len(),
            path.display()
        ));
    }
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(projects.len()) {
            scope.spawn(|| work.run());
        }
    });
    if let Some(error) = locked(&work.ended).take() {
        return Err(error);
    }
    let rows: Vec<Row> = locked(&work.done).values().cloned().collect();
    let text = match args.format {
        VerifyFormat::Markdown => markdown(&rows),
        VerifyFormat::Json => rows.iter().map(|row| format!("{}\n", json!(row))).collect(),
        VerifyFormat::Text | VerifyFormat::Html => table(&rows),
    };
    put(None, &text)?;
    let worst = rows.iter().map(Row::verdict).map(|verdict| match verdict {
        Some(verdict) => outcome(verdict),
        None => Outcome::Failure,
    });
    Ok(worst.fold(Outcome::Clean, Outcome::worst))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Dockerfiles in a folder, or in those below it where it has none itself.
fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if let Some(file) = dockerfile_in(folder) {
        found.push(file);
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut below: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    below.sort();
    for folder in below.iter().filter(|_| depth < DEPTH) {
        let hidden = folder
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden {
            collect(folder, depth + 1, found);
        }
    }
}

/// As many as the machine has processors and memory for.
fn fitting(projects: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = available_memory().map_or(processors, |bytes| usize::try_from(bytes / MEMORY).unwrap_or(1));
    processors.min(memory).clamp(1, projects.max(1))
}

/// Bytes that could be used; none where nobody says.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What an earlier call left, by its key: only results that hold are taken again.
fn earlier(path: &Path) -> BTreeMap<String, Row> {
    let Ok(text) = std::fs::read_to_string(path) else {
        return BTreeMap::new();
    };
    let mut known = BTreeMap::new();
    for line in text.lines() {
        // A line that a kill cut short is no result.
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let Some(key) = value.get("key").and_then(Value::as_str) else {
            continue;
        };
        match Row::of_json(&value) {
            Some(row) if row.verdict().is_some() => known.insert(key.to_owned(), row),
            _ => known.remove(key),
        };
    }
    known
}

struct Work<'a, L: Lint> {
    session: &'a Session<'a, L>,
    results: Mutex<File>,
    done: Mutex<BTreeMap<usize, Row>>,
    left: Mutex<VecDeque<(usize, PathBuf)>>,
    /// What ends all of it.
    ended: Mutex<Option<Failure>>,
    known: BTreeMap<String, Row>,
}

impl<L: Lint> Work<'_, L> {
    fn run(&self) {
        while locked(&self.ended).is_none() {
            let Some((at, file)) = locked(&self.left).pop_front() else {
                return;
            };
            match self.one(&file) {
                Ok(row) => {
                    if !self.session.global.quiet {
                        say(&row.line());
                    }
                    locked(&self.done).insert(at, row);
                }
                Err(error) => {
                    locked(&self.ended).get_or_insert(error);
                }
            }
        }
    }

    /// One project; what fails in it is its result.
    fn one(&self, file: &Path) -> Result<Row, Failure> {
        let name = file.display().to_string();
        let key = self.key(file);
        if let Some(row) = self.known.get(&key) {
            return Ok(row.clone());
        }
        let project = file.parent().unwrap_or(Path::new("."));
        let report = Place::of(Some(file), Some(project))
            .and_then(|place| self.session.source(&place))
            .and_then(|source| {
                let show = Named {
                    show: Show::new(true, false, false),
                    name: &name,
                };
                self.session.verify(&source, &show)
            });
        let (row, line) = match report {
            Ok(report) => (Row::of(&report), with_key(&report, &key)),
            Err(Failure::Executor(error @ (Error::Cancelled | Error::Unavailable { .. }))) => {
                return Err(error.into());
            }
            Err(error) => {
                let message = error.to_string();
                let line = json!({ "key": key, "dockerfile": name, "error": message });
                (Row::failed(&name, &message), line)
            }
        };
        let mut text = line.to_string();
        text.push('\n');
        // In one piece, so that a kill leaves whole lines.
        locked(&self.results)
            .write_all(text.as_bytes())
            .map_err(|error| Failure::Usage(format!("the results cannot be written: {error}")))?;
        Ok(row)
    }

    /// A result holds for this Dockerfile and this engine.
    fn key(&self, file: &Path) -> String {
        let text = std::fs::read(file).unwrap_or_default();
        let short: String = Sha256::digest(&text)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let place = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        format!("{} {short} {}", place.display(), self.session.engine.name())
    }
}

fn with_key(report: &Report, key: &str) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("key".to_owned(), Value::from(key));
    }
    value
}

/// Only warnings are shown, with the project that they are about.
struct Named<'n> {
    show: Show,
    name: &'n str,
}

impl Sink for Named<'_> {
    fn event(&self, event: Event<'_>) {
        if let Event::Warning { message } = event {
            let message = format!("{}: {message}", self.name);
            self.show.event(Event::Warning { message: &message });
        }
    }
}
