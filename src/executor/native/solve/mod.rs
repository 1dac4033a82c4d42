//! Builds a graph: stages side by side, each step from the cache or done now.
//!
//! The key of a step is the digest of what it says and of what it works on: the layers below by
//! their diff ids, the files that it copies by their content. Names of stages, line breaks and
//! comments do not count, so that a rewritten Dockerfile finds what the original left. Secrets are
//! in no key.

mod fetch;
mod files;
mod inputs;
mod key;
mod run;
mod source;
mod time;

use super::layer::Form;
use super::sandbox::Sandbox;
use super::snapshot::Backing;
use super::store::{CacheEntry, Scratch, Store};
use super::vertex::{Base, Graph, Op, Stage, Step};
use crate::executor::cancel::Cancel;
use crate::executor::digest::Digest;
use crate::executor::engine::{BuildRequest, StepReport};
use crate::executor::error::{Error, StepFailure};
use crate::executor::event::{Event, Sink};
use inputs::Inputs;
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

pub use source::stacked;
pub use time::rfc3339;

/// What one build works with.
pub struct Solver<'a> {
    /// Where layers are.
    pub store: &'a Store,
    /// Runs processes.
    pub sandbox: Sandbox,
    /// What was asked for.
    pub request: &'a BuildRequest,
    /// What has to be done.
    pub graph: &'a Graph,
    /// The layers of the graph's images.
    pub images: &'a [Vec<Digest>],
    /// Hears of it.
    pub events: &'a dyn Sink,
    /// Numbers of vertices.
    pub vertices: &'a AtomicUsize,
}

/// A stage that is done.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// All its layers, the base's included.
    pub layers: Vec<Digest>,
    /// When each of them was made; none for the base image's.
    pub created: Vec<Option<String>>,
    /// Its own steps.
    pub steps: Vec<StepReport>,
}

/// Stages that are done, as their threads see them.
#[derive(Default)]
struct Board {
    done: Vec<Option<Arc<Done>>>,
    failed: Option<Error>,
}

/// One build on its way.
pub(super) struct Building<'a> {
    solver: &'a Solver<'a>,
    inputs: Inputs<'a>,
    board: Mutex<Board>,
    changed: Condvar,
    cancel: Cancel,
    until: Option<Instant>,
    /// An empty directory, for overlays that need one layer more.
    empty: PathBuf,
    /// Where sandboxes mount, each unseen by the others.
    mountpoint: PathBuf,
    backing: OnceLock<Backing>,
    _scratch: Scratch,
    form: Form,
}

impl Solver<'_> {
    /// Builds all stages.
    ///
    /// # Errors
    /// The first that went wrong; everything else is stopped then.
    pub fn solve(&self, cancel: &Cancel) -> Result<Vec<Arc<Done>>, Error> {
        let scratch = self.store.scratch()?;
        let empty = scratch.path().join("empty");
        let mountpoint = scratch.path().join("mount");
        for folder in [&empty, &mountpoint] {
            std::fs::create_dir(folder).map_err(Error::io("create", folder))?;
        }
        let building = Building {
            inputs: Inputs::open(self.request)?,
            board: Mutex::new(Board {
                done: vec![None; self.graph.stages.len()],
                failed: None,
            }),
            changed: Condvar::new(),
            cancel: cancel.child(),
            until: self.request.limits.build.map(|limit| Instant::now() + limit),
            empty,
            mountpoint,
            backing: OnceLock::new(),
            form: self.store.form(),
            _scratch: scratch,
            solver: self,
        };
        thread::scope(|scope| {
            for (index, stage) in self.graph.stages.iter().enumerate() {
                let building = &building;
                let work = move || building.stage(index, stage);
                let spawned = thread::Builder::new()
                    .name(format!("stage-{index}"))
                    .spawn_scoped(scope, work);
                if let Err(error) = spawned {
                    building.fail(Error::io("start a thread for", &stage.from)(error));
                }
            }
        });
        let board = building.board.into_inner().unwrap_or_else(PoisonError::into_inner);
        match board.failed {
            Some(_) if cancel.is_cancelled() => Err(Error::Cancelled),
            Some(error) => Err(error),
            None => Ok(board.done.into_iter().flatten().collect()),
        }
    }
}

impl Building<'_> {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: Error) {
        let mut board = self.board();
        // What is stopped because of the first failure fails, too.
        if board.failed.is_none() {
            board.failed = Some(error);
        }
        drop(board);
        self.cancel.cancel();
        self.changed.notify_all();
    }

    fn stage(&self, index: usize, stage: &Stage) {
        match self.attempt(stage) {
            Ok(done) => {
                if let Some(slot) = self.board().done.get_mut(index) {
                    *slot = Some(Arc::new(done));
                }
                self.changed.notify_all();
            }
            Err(error) => self.fail(error),
        }
    }

    /// Another stage's result, once it is there.
    fn result(&self, stage: usize) -> Result<Arc<Done>, Error> {
        let mut board = self.board();
        loop {
            if board.failed.is_some() || self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if let Some(Some(done)) = board.done.get(stage) {
                return Ok(done.clone());
            }
            let tick = std::time::Duration::from_millis(100);
            board = self
                .changed
                .wait_timeout(board, tick)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn check(&self) -> Result<(), Error> {
        self.cancel.check()?;
        match (self.until, self.solver.request.limits.build) {
            (Some(until), Some(limit)) if Instant::now() >= until => Err(Error::Limit {
                what: "the build".to_owned(),
                limit: format!("{} s", limit.as_secs()),
            }),
            _ => Ok(()),
        }
    }

    fn attempt(&self, stage: &Stage) -> Result<Done, Error> {
        let mut done = match stage.base {
            Base::Scratch => Done::default(),
            Base::Image(image) => {
                let layers = self.solver.images.get(image).cloned().unwrap_or_default();
                Done {
                    created: vec![None; layers.len()],
                    layers,
                    steps: Vec::new(),
                }
            }
            Base::Stage(below) => {
                let below = self.result(below)?;
                Done {
                    layers: below.layers.clone(),
                    created: below.created.clone(),
                    steps: Vec::new(),
                }
            }
        };
        for step in &stage.steps {
            self.check()?;
            let began = Instant::now();
            let vertex = self.solver.vertices.fetch_add(1, Ordering::Relaxed);
            self.solver.events.event(Event::StepStarted {
                vertex,
                stage: stage.name.as_deref(),
                name: &step.name,
            });
            let (layer, created, cached) = match self.step(step, &done.layers, vertex) {
                Ok(made) => made,
                Err(failure) => return Err(self.told(failure, stage, step, vertex)),
            };
            let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.solver.events.event(Event::StepDone { vertex, cached, millis });
            done.steps.push(StepReport {
                stage: stage.name.clone(),
                instruction: step.name.clone(),
                line: step.line,
                cached,
                millis,
                layer: Some(layer.clone()),
            });
            done.layers.push(layer);
            done.created.push(Some(created));
        }
        Ok(done)
    }

    /// The layer that a step makes, when it was made, and whether it was there.
    fn step(&self, step: &Step, below: &[Digest], vertex: usize) -> Result<(Digest, String, bool), Failure> {
        let store = self.solver.store;
        let key = self.key(&step.op, below)?;
        if !self.solver.request.no_cache
            && let Some(found) = self.cached(&key)?
        {
            return Ok((found.0, found.1, true));
        }
        // Another build may be at the very same step.
        let _alone = store.alone(&key)?;
        if !self.solver.request.no_cache
            && let Some(found) = self.cached(&key)?
        {
            return Ok((found.0, found.1, true));
        }
        let record = match &step.op {
            Op::Run(run) => self.run(run, below, vertex)?,
            Op::Copy(copy) => self.copy(copy, below)?,
            Op::Mkdir(mkdir) => self.mkdir(mkdir, below)?,
        };
        let created = self.epoch().unwrap_or_else(rfc3339);
        let entry = CacheEntry {
            layers: vec![record.diff_id.clone()],
            value: json!({ "created": created }),
        };
        store.cache(&key, &entry)?;
        Ok((record.diff_id, created, false))
    }

    /// `SOURCE_DATE_EPOCH`, where the build sets it.
    fn epoch(&self) -> Option<String> {
        let args = &self.solver.request.build_args;
        let (_, value) = args.iter().rev().find(|(name, _)| name == "SOURCE_DATE_EPOCH")?;
        Some(time::of(value.parse().ok()?, 0))
    }

    fn cached(&self, key: &Digest) -> Result<Option<(Digest, String)>, Error> {
        let Some(entry) = self.solver.store.cached(key)? else {
            return Ok(None);
        };
        let created = entry
            .value
            .get("created")
            .and_then(|value| value.as_str())
            .map(str::to_owned);
        Ok(entry.layers.first().cloned().zip(created))
    }

    /// A failure as the caller is told.
    fn told(&self, failure: Failure, stage: &Stage, step: &Step, vertex: usize) -> Error {
        let (message, code, output, help) = match failure {
            Failure::Error(error) => return error,
            Failure::Step(message, help) => (message, None, String::new(), help),
            Failure::Exit(code, output) => (format!("exit code {code}"), Some(code), output, None),
        };
        self.solver.events.event(Event::StepFailed {
            vertex,
            message: &message,
        });
        Error::Step(Box::new(StepFailure {
            file: super::frontend::name(self.solver.request),
            line: step.line,
            stage: stage.name.clone(),
            instruction: step.name.clone(),
            message,
            code,
            output,
            help,
        }))
    }
}

/// Why a step failed.
pub(super) enum Failure {
    /// Something around it.
    Error(Error),
    /// The step itself; what to do.
    Step(String, Option<String>),
    /// Its process: exit code, the end of its output.
    Exit(i32, String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl Failure {
    fn step(message: impl Into<String>) -> Failure {
        Failure::Step(message.into(), None)
    }
}
