//! What an image does when it is started: learnt from two runs of the original, and asked of the
//! rewrite.
//!
//! What differs between the two runs of the original is not stable and is not compared. The first
//! run also says how long to wait: until the process ended, or until it listens, or until it has been
//! quiet for a while.

use super::http::{self, Response};
use super::normalise::normalise;
use super::probe::{DEFAULT_TIMEOUT, Probe};
use crate::executor::{Cancel, Container, ContainerSpec, Engine, Error, ImageId, Limits, Trace, crowding};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long a process is waited for after the stop signal that ignored it before.
const DEAF: Duration = Duration::from_secs(2);

/// The same, where the kernel says that the signal will do nothing to it.
const DROPPED: Duration = Duration::from_millis(300);

/// Between two looks at a process that starts.
const STEP: Duration = Duration::from_millis(20);

/// Between two requests to a server that is not ready yet.
const AGAIN: Duration = Duration::from_millis(50);

/// How long it is looked at so often; what takes longer is not in a hurry.
const EARLY: Duration = Duration::from_secs(3);

/// How to look.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The longest wait for the process to end or to listen.
    pub patience: Duration,
    /// A process that neither listens nor writes for so long is taken to be up.
    pub quiet: Duration,
    /// Between the stop signal and the kill; Docker's own is 10 s.
    pub grace: Duration,
    /// Set in every container.
    pub env: Vec<(String, String)>,
    /// What the user asked for.
    pub probes: Vec<Probe>,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            patience: Duration::from_secs(15),
            quiet: Duration::from_secs(3),
            grace: Duration::from_secs(10),
            env: Vec::new(),
            probes: Vec::new(),
        }
    }
}

/// What a plain request brought, as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Without parameters.
    pub content_type: Option<String>,
    /// Where it redirects to.
    pub location: Option<String>,
    /// Normalised.
    pub body: String,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Answer {
        Answer {
            status: response.status,
            content_type: response.content_type,
            location: response.location.map(|location| normalise(location.as_bytes())),
            body: normalise(&response.body),
        }
    }
}

/// What came of a user's probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer over HTTP.
    Http(Answer),
    /// A connection was taken.
    Connected,
    /// A program ran: exit code, output and errors, normalised.
    Ran(i32, String, String),
    /// Nothing came of it, and why.
    Failed(String),
}

/// How the process took the stop signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The exit code.
    pub code: i32,
    /// It had to be killed.
    pub killed: bool,
    /// Milliseconds until it had ended.
    pub millis: u64,
}

/// What an image showed once it was up, before anything was asked of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Up {
    /// Ports that it listens on.
    pub ports: BTreeSet<u16>,
    /// Standard output and standard error, normalised.
    pub written: (String, String),
}

/// What one run showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Where the process ended by itself: its exit code.
    pub exit: Option<i32>,
    /// When it was taken to be up.
    pub up: Up,
    /// Standard output, normalised.
    pub stdout: String,
    /// Standard error, normalised.
    pub stderr: String,
    /// Ports that it listens on for others.
    pub ports: BTreeSet<u16>,
    /// What `GET /` brought, by port; none where the port speaks no HTTP.
    pub answers: BTreeMap<u16, Option<Answer>>,
    /// The user's probes, in their order.
    pub probes: Vec<Outcome>,
    /// How it took the stop signal, where it was still up.
    pub stop: Option<Stop>,
    /// What was opened and executed, where that was looked at, or why it could not be.
    pub trace: Option<Result<Trace, String>>,
}

/// What is known before an image is started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'r> {
    /// An earlier run of the original: its ports are waited for.
    pub like: Option<&'r Run>,
    /// The image names ports: where nothing else is known, some port is waited for.
    pub exposes: bool,
    /// The image is stopped by SIGTERM, as most are.
    pub stopped_by_term: bool,
    /// What is as it was in the earlier run is taken to be up at once, where else it is left alone for
    /// a while: a server may listen before it can answer. To be looked at again where it then differs.
    pub quick: bool,
}

/// Starts the image and looks at it.
///
/// # Errors
/// The engine fails, or `cancel` asks for the end. That a process cannot be started is what a run
/// shows ([`Run::exit`] 127, the reason in [`Run::stderr`]), not an error.
pub fn observe(
    engine: &dyn Engine,
    image: &ImageId,
    manner: &Manner,
    expected: Expected<'_>,
    cancel: &Cancel,
) -> Result<Run, Error> {
    let like = expected.like;
    let mut run = Run::default();
    let mut spec = ContainerSpec::new(image.clone());
    spec.env = manner.env.clone();
    // What the original uses is learnt from its first run.
    spec.trace = like.is_none();
    spec.limits = Limits {
        step: Some(manner.patience * 8 + manner.grace + DEFAULT_TIMEOUT * 4),
        ..Limits::default()
    };
    let mut container = engine.create(&spec)?;
    match container.start() {
        Ok(()) => {
            settle(&mut *container, manner, expected, &mut run, cancel)?;
            if run.exit.is_none() {
                ask(&*container, manner, like, &mut run);
            }
        }
        Err(error @ (Error::Cancelled | Error::Unavailable { .. })) => return Err(error),
        Err(error) => {
            run.exit = Some(127);
            run.stderr = error.to_string();
            return Ok(run);
        }
    }
    let mut traces = Vec::new();
    for probe in &manner.probes {
        cancel.check()?;
        let outcome = match probe {
            Probe::Command { args, env } => {
                let (outcome, seen) = command(engine, image, manner, (args, env), spec.trace)?;
                traces.push(seen);
                outcome
            }
            _ if run.exit.is_some() => Outcome::Failed("the image had ended already".to_owned()),
            Probe::Http { port, path } => fetch(&*container, *port, path, DEFAULT_TIMEOUT),
            Probe::Tcp { port } => match container.dial(*port, DEFAULT_TIMEOUT) {
                Ok(_) => Outcome::Connected,
                Err(error) => Outcome::Failed(error.to_string()),
            },
            Probe::Exec { args } => match container.exec(args, DEFAULT_TIMEOUT) {
                Ok(ran) => Outcome::Ran(ran.code, normalise(&ran.stdout), normalise(&ran.stderr)),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => Outcome::Failed(error.to_string()),
            },
        };
        run.probes.push(outcome);
    }
    if run.exit.is_none() {
        // Some ports are opened late, or by a request.
        run.ports.extend(container.listening().unwrap_or_default());
        // What ignored the signal before, or is seen to do so, is not waited for as long.
        let grace = if expected.stopped_by_term && container.ignores_term() {
            DROPPED
        } else if like.and_then(|like| like.stop).is_some_and(|stop| stop.killed) {
            DEAF
        } else {
            manner.grace
        };
        let stopped = container.stop(grace.min(manner.grace))?;
        run.stop = Some(Stop {
            code: stopped.code,
            killed: stopped.killed,
            millis: stopped.millis,
        });
    }
    let logs = container.logs()?;
    run.stdout = normalise(&logs.stdout);
    run.stderr = normalise(&logs.stderr);
    if spec.trace {
        let mut seen = container.trace();
        if let Ok(seen) = &mut seen {
            traces.into_iter().flatten().for_each(|more| seen.add(more));
        }
        run.trace = Some(seen);
    }
    Ok(run)
}

/// Waits until the process has ended, listens, or is quiet.
fn settle(
    container: &mut dyn Container,
    manner: &Manner,
    Expected {
        like, exposes, quick, ..
    }: Expected<'_>,
    run: &mut Run,
    cancel: &Cancel,
) -> Result<(), Error> {
    let begun = Instant::now();
    // A slower start is no other behaviour: the rewrite may take longer than the original did. And what
    // does not come up because others are at work shows nothing.
    let least = if like.is_some() { 2.0 } else { 1.0 };
    let patience = manner.patience.mul_f64(crowding().max(least));
    let expected = like.map(|like| &like.up);
    let (mut written, mut changed) = ((0, 0), Instant::now());
    // Some kernels have much to go through for the list of ports: most of the time is the container's.
    let mut looked = Duration::ZERO;
    loop {
        cancel.check()?;
        let step = if begun.elapsed() < EARLY { STEP } else { STEP * 5 };
        if let Some(exit) = container.wait(step.max(looked * 10).min(STEP * 10))? {
            run.exit = Some(exit.code);
            return Ok(());
        }
        let look = Instant::now();
        let ports = container.listening().unwrap_or_default();
        let logs = container.logs()?;
        let now_written = (logs.stdout.len(), logs.stderr.len());
        if ports != run.up.ports || now_written != written {
            (written, changed) = (now_written, Instant::now());
            run.up = Up {
                ports,
                written: (normalise(&logs.stdout), normalise(&logs.stderr)),
            };
        }
        run.ports.clone_from(&run.up.ports);
        looked = look.elapsed();
        let (still, waited) = (changed.elapsed(), begun.elapsed());
        let enough = match expected {
            // The original ended by itself: so must this.
            Some(_) if like.is_some_and(|like| like.exit.is_some()) => waited > patience,
            Some(up) if !up.ports.is_empty() => {
                let there = run.up.ports.is_superset(&up.ports);
                quick && run.up == *up || there && still > Duration::from_millis(300) || waited > patience
            }
            _ if !run.ports.is_empty() => still > Duration::from_millis(700) || waited > patience,
            // A slow start writes nothing for a while.
            None if exposes => waited > patience,
            _ => still > manner.quiet && waited > manner.quiet || waited > patience,
        };
        if enough {
            return Ok(());
        }
    }
}

/// One plain request to every port, each tried until it answers as it did before.
fn ask(container: &dyn Container, manner: &Manner, like: Option<&Run>, run: &mut Run) {
    for port in run.ports.clone() {
        let expected = like.and_then(|like| like.answers.get(&port));
        let end = Instant::now() + manner.patience;
        let answer = loop {
            let answer = match fetch(container, port, "/", Duration::from_secs(5)) {
                Outcome::Http(answer) => Some(answer),
                _ => None,
            };
            // A server may take connections before it is ready (502, 503), or answer nothing yet.
            let ready = match (&answer, expected) {
                (found, Some(expected)) => found == expected,
                (Some(answer), None) => !matches!(answer.status, 502..=504),
                (None, None) => true,
            };
            if ready || Instant::now() > end {
                break answer;
            }
            std::thread::sleep(AGAIN);
        };
        run.answers.insert(port, answer);
    }
}

fn fetch(container: &dyn Container, port: u16, path: &str, at_most: Duration) -> Outcome {
    let answer = container
        .dial(port, at_most)
        .and_then(|stream| http::get(stream, "localhost", path, at_most));
    match answer {
        Ok(response) => Outcome::Http(response.into()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Runs the image once with other arguments.
fn command(
    engine: &dyn Engine,
    image: &ImageId,
    manner: &Manner,
    (args, env): (&[String], &[(String, String)]),
    traced: bool,
) -> Result<(Outcome, Option<Trace>), Error> {
    let mut spec = ContainerSpec::new(image.clone());
    spec.args = Some(args.to_vec());
    spec.env = manner.env.iter().chain(env).cloned().collect();
    spec.trace = traced;
    let mut container = engine.create(&spec)?;
    if let Err(error) = container.start() {
        return match error {
            Error::Cancelled => Err(error),
            error => Ok((Outcome::Failed(error.to_string()), None)),
        };
    }
    let outcome = match container.wait(manner.patience * 2)? {
        None => Outcome::Failed(format!(
            "it was still running after {} s",
            (manner.patience * 2).as_secs()
        )),
        Some(exit) => {
            let logs = container.logs()?;
            Outcome::Ran(exit.code, normalise(&logs.stdout), normalise(&logs.stderr))
        }
    };
    let trace = if traced { container.trace().ok() } else { None };
    Ok((outcome, trace))
}
