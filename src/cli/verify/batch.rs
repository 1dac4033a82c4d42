//! Many projects at once: goes on after a failure, as many side by side as fit, one summary; what was
//! done already is not done again.

use super::projects::{Project, gather};
use super::{Failure, Session, outcome, put};
use crate::cli::build::show::Show;
use crate::cli::console::say;
use crate::cli::engine::Engine as Lint;
use crate::cli::exit::Outcome;
use crate::cli::interrupt;
use crate::cli::verify::arguments::VerifyFormat;
use crate::executor::{Cancel, Error, Event, Sink, available_memory};
use crate::report::verification::batch::{Row, markdown, table};
use crate::verify::Report;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where results are kept unless the user says so.
const RESULTS: &str = "mbopt-verify.jsonl";
/// Memory that a build with its probes may need, in bytes: what decides how many run at once.
const MEMORY: u64 = 3 << 30;

/// Verifies all projects.
///
/// # Errors
/// The summary cannot be written, or the engine is gone.
pub fn run<L: Lint>(session: &Session<'_, L>) -> Result<Outcome, Failure> {
    let args = session.args;
    let projects = gather(&args.batch)?;
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(RESULTS));
    let failed = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let known = earlier(&path);
    let results = File::options().create(true).append(true).open(&path).map_err(failed)?;
    let jobs = args.jobs.unwrap_or_else(|| fitting(projects.len())).max(1);
    let work = Work {
        session,
        results: Mutex::new(results),
        done: Mutex::default(),
        left: Mutex::default(),
        ended: Mutex::new(None),
        all: projects.len(),
    };
    // What is known is not waited for.
    for (at, project) in projects.into_iter().enumerate() {
        match known.get(&work.key(&project)) {
            Some(row) => drop(locked(&work.done).insert(at, row.clone())),
            None => locked(&work.left).push_back((at, project)),
        }
    }
    let left = locked(&work.left).len();
    if !session.global.quiet {
        let known = match work.all - left {
            0 => String::new(),
            known => format!(", {known} of them known from {}", path.display()),
        };
        say(&format!(
            "{} projects{known}; {jobs} at a time, results go to {}",
            work.all,
            path.display()
        ));
    }
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(left) {
            scope.spawn(|| work.run());
        }
    });
    let rows: Vec<Row> = locked(&work.done).values().cloned().collect();
    let text = match args.format {
        VerifyFormat::Markdown => markdown(&rows),
        VerifyFormat::Json => rows.iter().map(|row| format!("{}\n", json!(row))).collect(),
        VerifyFormat::Text | VerifyFormat::Html => table(&rows),
    };
    let ended = locked(&work.ended).take();
    if !rows.is_empty() || ended.is_none() {
        put(None, &text)?;
    }
    if let Some(error) = ended {
        say(&format!(
            "stopped after {} of {} projects; the same command goes on with the rest",
            rows.len(),
            work.all
        ));
        return Err(error);
    }
    let worst = rows.iter().map(Row::verdict).map(|verdict| match verdict {
        Some(verdict) => outcome(verdict),
        None => Outcome::Failure,
    });
    Ok(worst.fold(Outcome::Clean, Outcome::worst))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many as the machine has processors and memory for.
fn fitting(projects: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = available_memory().map_or(processors, |bytes| usize::try_from(bytes / MEMORY).unwrap_or(1));
    processors.min(memory).clamp(1, projects.max(1))
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
    left: Mutex<VecDeque<(usize, Project)>>,
    /// What ends all of it.
    ended: Mutex<Option<Failure>>,
    all: usize,
}

impl<L: Lint> Work<'_, L> {
    fn run(&self) {
        while locked(&self.ended).is_none() {
            let Some((at, project)) = locked(&self.left).pop_front() else {
                return;
            };
            match self.one(&project) {
                Ok(row) => {
                    let mut done = locked(&self.done);
                    done.insert(at, row.clone());
                    if !self.session.global.quiet {
                        say(&format!("[{}/{}] {}", done.len(), self.all, row.line()));
                    }
                }
                Err(error) => {
                    locked(&self.ended).get_or_insert(error);
                }
            }
        }
    }

    /// One project; what fails in it is its result.
    fn one(&self, project: &Project) -> Result<Row, Failure> {
        let begun = Instant::now();
        let cancel = interrupt::cancel();
        let own = cancel.child();
        let limit = self.session.args.project_timeout;
        let report = within(limit.map(Duration::from_secs), &own, || {
            let source = self.session.source(&project.place)?;
            let show = Named {
                show: Show::new(true, false, false),
                name: &project.name,
            };
            self.session.verify(&source, &project.own, &show, &own)
        });
        let seconds = begun.elapsed().as_secs();
        let failed = |message: &str| {
            let dockerfile = project.place.file.display().to_string();
            let mut line = Map::new();
            line.insert("dockerfile".to_owned(), Value::from(dockerfile.as_str()));
            line.insert("error".to_owned(), Value::from(message));
            (Row::failed(&dockerfile, message), line)
        };
        let (mut row, mut line) = match report {
            Ok(report) => (Row::of(&report), as_json(&report)),
            Err(Failure::Executor(Error::Cancelled)) if !cancel.is_cancelled() => {
                failed(&format!("it took more than {} s", limit.unwrap_or(seconds)))
            }
            Err(Failure::Executor(error @ (Error::Cancelled | Error::Unavailable { .. }))) => {
                return Err(error.into());
            }
            Err(error) => failed(&error.to_string()),
        };
        row.project.clone_from(&project.name);
        row.seconds = seconds;
        line.insert("project".to_owned(), Value::from(project.name.as_str()));
        line.insert("key".to_owned(), Value::from(self.key(project)));
        line.insert("seconds".to_owned(), Value::from(seconds));
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // In one piece, so that a kill leaves whole lines.
        locked(&self.results)
            .write_all(text.as_bytes())
            .map_err(|error| Failure::Usage(format!("the results cannot be written: {error}")))?;
        Ok(row)
    }

    /// A result holds for this Dockerfile, what is asked of it, this engine, and this version of mbopt.
    fn key(&self, project: &Project) -> String {
        let Project { place, own, .. } = project;
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(std::fs::read(&place.file).unwrap_or_default());
        hash.update(place.context.display().to_string());
        let args = self.session.args;
        hash.update(format!("{own:?} {:?} {:?} {:?}", args.probe, args.env, args.how.target));
        let short: String = hash
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let file = place.file.canonicalize().unwrap_or_else(|_| place.file.clone());
        format!("{} {short} {}", file.display(), self.session.engine.name())
    }
}

/// Does something, and asks for its end after a while.
fn within<T>(limit: Option<Duration>, cancel: &Cancel, work: impl FnOnce() -> T) -> T {
    let Some(limit) = limit else { return work() };
    let done = Cancel::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if !done.wait(limit) {
                cancel.cancel();
            }
        });
        let result = work();
        done.cancel();
        result
    })
}

fn as_json(report: &Report) -> Map<String, Value> {
    match serde_json::to_value(report) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
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
