//! A container of the bundled engine: a sandbox that goes on running while it is looked at.

use super::limits::DiskWatch;
use super::sandbox::{Exec, ExitStatus, News, Report, Request, Root, RunError, RunSpec, Running, Sandbox, changes};
use super::snapshot::Snapshot;
use crate::executor::engine::{self, ExecOutput, Exit, Logs, Stopped};
use crate::executor::error::Error;
use crate::executor::event::Stream;
use crate::executor::trace::{Trace, Tracer};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is kept of each stream.
const KEPT: usize = 1 << 20;

/// How long mounting a root may take.
const PREPARED_WITHIN: Duration = Duration::from_secs(60);

/// How often the thread that listens looks up.
const TICK: Duration = Duration::from_millis(20);

/// A container that is made, runs, or has ended. Dropping it kills what runs in it, and removes its
/// snapshot.
pub struct Container {
    id: String,
    sandbox: Sandbox,
    spec: RunSpec,
    stop_signal: i32,
    snapshot: Option<Snapshot>,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
    next_exec: AtomicU64,
    trace: Option<Result<Tracer, String>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    phase: Phase,
    logs: Logs,
    pid: Option<u32>,
    execs: BTreeMap<u64, Beside>,
    /// To be sent to the sandbox by the thread that has it.
    requests: Vec<Request>,
    /// The sandbox is to be ended.
    end: bool,
}

#[derive(Default)]
enum Phase {
    #[default]
    Made,
    Running,
    Ended(Result<ExitStatus, Option<RunError>>),
}

/// Another process in the container.
#[derive(Default)]
struct Beside {
    output: ExecOutput,
    ended: Option<Result<ExitStatus, RunError>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done`, at most until then; whether it is.
    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        until: Option<Instant>,
        done: impl Fn(&State) -> bool,
    ) -> (MutexGuard<'a, State>, bool) {
        while !done(&state) {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return (state, false);
            }
            let left = left.unwrap_or(Duration::from_secs(3600));
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        (state, true)
    }
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = KEPT.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

impl Container {
    /// One that is not started. `snapshot` is a throw-away one over the image's layers, and the root
    /// of `spec`; it is removed with the container. `stop_signal` is the image's, as STOPSIGNAL has
    /// it (`SIGQUIT`, `QUIT`, `3`); SIGTERM if none.
    ///
    /// # Errors
    /// There is no such signal.
    pub fn new(
        sandbox: Sandbox,
        spec: RunSpec,
        snapshot: Snapshot,
        stop_signal: Option<&str>,
    ) -> Result<Container, Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let stop_signal = match stop_signal {
            None => libc::SIGTERM,
            Some(name) => signal_number(name).ok_or_else(|| Error::Program {
                program: "the image's STOPSIGNAL".to_owned(),
                message: format!("there is no signal {name}"),
            })?,
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(Container {
            id: format!("mbopt-{}-{number}", std::process::id()),
            sandbox,
            spec,
            stop_signal,
            snapshot: Some(snapshot),
            shared: Arc::default(),
            listener: None,
            next_exec: AtomicU64::new(0),
            trace: None,
        })
    }

    /// Has what its processes open written down. To be called before it starts.
    pub fn traced(mut self) -> Container {
        self.spec.waits = true;
        self
    }

    /// Waits until the root is mounted, has it watched, and lets the first process go.
    fn watch(&mut self, running: &mut Running) -> Result<(), Error> {
        let until = Instant::now() + PREPARED_WITHIN;
        loop {
            match running.next(TICK)? {
                Some(News::Prepared) => break,
                Some(News::Ended(ending)) => {
                    ending?;
                    return Err(RunError::Cancelled.into());
                }
                _ if Instant::now() > until => return Err(RunError::Limit("the mounts".to_owned()).into()),
                _ => {}
            }
        }
        self.trace = Some(match (&self.spec.root, running.holder()) {
            (Root::Overlay { .. }, Some(holder)) => {
                let root = format!("/proc/{holder}/cwd/root");
                Tracer::watch(Path::new(&root), None).or_else(|_| Tracer::watch_folders(Path::new(&root)))
            }
            // On the machine's own file system others are at work, too.
            (Root::Directory { path, .. }, _) => Tracer::watch_folders(path),
            _ => Err("its files are not at hand".to_owned()),
        });
        running
            .tell(&Request::Go)
            .map_err(Error::io("start the process of", &self.id))
    }

    fn end(&mut self) {
        self.shared.lock().end = true;
        if let Some(listener) = self.listener.take() {
            // It only ends by itself; a panic in it has dropped, and so ended, the sandbox.
            let _ = listener.join();
        }
    }
}

/// Takes what comes from a sandbox until it ended.
fn listen(mut running: Running, shared: &Shared, time: Option<Duration>, mut disk: Option<DiskWatch>) {
    loop {
        let (requests, end) = {
            let mut state = shared.lock();
            (std::mem::take(&mut state.requests), state.end)
        };
        for request in requests {
            // If nobody is there to hear it, its end is on its way to us.
            let _ = running.tell(&request);
        }
        if end {
            running.end(RunError::Cancelled);
        } else if let Some(limit) = time.filter(|limit| running.began.elapsed() > *limit) {
            running.end(RunError::Limit(format!("{} s", limit.as_secs_f32())));
        } else if disk.as_mut().is_some_and(DiskWatch::exceeded) {
            let limit = disk.as_ref().map_or(0, DiskWatch::limit);
            running.end(RunError::Limit(format!("{} MiB on the disk", limit >> 20)));
        }
        let news = match running.next(TICK) {
            Ok(None) => continue,
            Ok(Some(news)) => news,
            Err(error) => News::Ended(Err(error)),
        };
        let mut state = shared.lock();
        let ended = matches!(news, News::Ended(_));
        take(&mut state, news, &running);
        drop(state);
        shared.changed.notify_all();
        if ended {
            return;
        }
    }
}

fn take(state: &mut State, news: News, running: &Running) {
    match news {
        News::Output(Stream::Stdout, bytes) => keep(&mut state.logs.stdout, &bytes),
        News::Output(Stream::Stderr, bytes) => keep(&mut state.logs.stderr, &bytes),
        News::Started => {
            state.phase = Phase::Running;
            state.pid = running.holder().and_then(first_process);
        }
        News::Ended(ending) => {
            state.pid = None;
            state.phase = Phase::Ended(ending.map_err(Some));
            for beside in state.execs.values_mut() {
                // The kernel killed it with the first process.
                beside.ended.get_or_insert(Ok(ExitStatus::Signal(libc::SIGKILL)));
            }
        }
        News::Exec(Report::Output(id, error, bytes)) => {
            if let Some(beside) = state.execs.get_mut(&id) {
                let output = &mut beside.output;
                keep(if error { &mut output.stderr } else { &mut output.stdout }, &bytes);
            }
        }
        News::Exec(Report::ExecEnded(id, status)) => {
            if let Some(beside) = state.execs.get_mut(&id) {
                beside.ended = Some(Ok(status));
            }
        }
        News::Exec(Report::ExecFailed(id, failure)) => {
            if let Some(beside) = state.execs.get_mut(&id) {
                beside.ended = Some(Err(failure.into()));
            }
        }
        News::Exec(_) | News::Prepared => {}
    }
}

/// The first process of the sandbox that this one holds, as this process sees it. The holder starts
/// it before any other.
fn first_process(holder: i32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{holder}/task/{holder}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

impl engine::Container for Container {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn start(&mut self) -> Result<(), Error> {
        if self.listener.is_some() {
            return Ok(());
        }
        let mut running = self.sandbox.start(&self.spec)?;
        if self.spec.waits {
            self.watch(&mut running)?;
        }
        let (shared, time) = (Arc::clone(&self.shared), self.spec.limits.time);
        let disk = self
            .spec
            .limits
            .disk
            .map(|limit| DiskWatch::new(changes(&self.spec.root), limit));
        let listener = std::thread::Builder::new()
            .name(self.id.clone())
            .spawn(move || listen(running, &shared, time, disk))
            .map_err(Error::io("start a thread for", &self.id))?;
        self.listener = Some(listener);
        let state = self.shared.lock();
        let (mut state, _) = self
            .shared
            .wait(state, None, |state| !matches!(state.phase, Phase::Made));
        match &mut state.phase {
            // The reason goes to whoever started it; what is left is that it did not run.
            Phase::Ended(ending @ Err(Some(_))) => {
                let reason = ending.as_mut().err().and_then(Option::take);
                Err(reason.unwrap_or(RunError::Cancelled).into())
            }
            _ => Ok(()),
        }
    }

    fn wait(&mut self, at_most: Duration) -> Result<Option<Exit>, Error> {
        let state = self.shared.lock();
        let until = Instant::now().checked_add(at_most);
        let (mut state, _) = self
            .shared
            .wait(state, until, |state| matches!(state.phase, Phase::Ended(_)));
        match &mut state.phase {
            Phase::Ended(Ok(status)) => Ok(Some(Exit { code: status.code() })),
            Phase::Ended(Err(reason)) => match reason.take() {
                Some(reason) => Err(reason.into()),
                None => Ok(Some(Exit {
                    code: 128 + libc::SIGKILL,
                })),
            },
            _ => Ok(None),
        }
    }

    fn logs(&self) -> Result<Logs, Error> {
        Ok(self.shared.lock().logs.clone())
    }

    fn exec(&self, args: &[String], at_most: Duration) -> Result<ExecOutput, Error> {
        let id = self.next_exec.fetch_add(1, Ordering::Relaxed);
        let mut state = self.shared.lock();
        if !matches!(state.phase, Phase::Running) {
            return Err(Error::Program {
                program: args.first().cloned().unwrap_or_default(),
                message: "its container does not run".to_owned(),
            });
        }
        state.execs.insert(id, Beside::default());
        state.requests.push(Request::Exec(Exec {
            id,
            args: args.to_vec(),
            env: self.spec.env.clone(),
            cwd: self.spec.cwd.clone(),
            user: self.spec.user.clone(),
            network: self.spec.network,
        }));
        let ended = |state: &State| state.execs.get(&id).is_none_or(|beside| beside.ended.is_some());
        let (mut state, in_time) = self.shared.wait(state, Instant::now().checked_add(at_most), ended);
        let beside = state.execs.remove(&id).unwrap_or_default();
        if !in_time {
            state.requests.push(Request::KillExec(id));
            return Err(Error::Limit {
                what: format!("`{}`", args.join(" ")),
                limit: format!("{} s", at_most.as_secs_f32()),
            });
        }
        let mut output = beside.output;
        match beside.ended {
            Some(Ok(status)) => output.code = status.code(),
            // As `docker exec` answers.
            Some(Err(RunError::Program { code, reason, .. })) => {
                output.code = code;
                keep(&mut output.stderr, reason.as_bytes());
            }
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Error::Cancelled),
        }
        Ok(output)
    }

    fn pid(&self) -> Option<u32> {
        self.shared.lock().pid
    }

    fn stop(&mut self, grace: Duration) -> Result<Stopped, Error> {
        let began = Instant::now();
        let mut state = self.shared.lock();
        state.requests.push(Request::Signal(self.stop_signal));
        let ended = |state: &State| !matches!(state.phase, Phase::Running);
        let (mut state, in_time) = self.shared.wait(state, began.checked_add(grace), ended);
        if !in_time {
            state.requests.push(Request::Signal(libc::SIGKILL));
        }
        drop(
            self.shared
                .wait(state, began.checked_add(grace + Duration::from_secs(20)), ended),
        );
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let exit = self.wait(Duration::ZERO)?;
        Ok(Stopped {
            code: exit.map_or(128 + libc::SIGKILL, |exit| exit.code),
            millis,
            killed: !in_time,
        })
    }

    fn trace(&mut self) -> Result<Trace, String> {
        match self.trace.take() {
            Some(tracer) => tracer.map(Tracer::finish),
            None => Err("tracing was not asked for".to_owned()),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.end();
        if let Some(snapshot) = self.snapshot.take() {
            snapshot.remove();
        }
    }
}

/// The number of a signal by its name, with or without `SIG`, or by its number.
fn signal_number(name: &str) -> Option<i32> {
    const NAMES: &[(&str, i32)] = &[
        ("HUP", libc::SIGHUP),
        ("INT", libc::SIGINT),
        ("QUIT", libc::SIGQUIT),
        ("ILL", libc::SIGILL),
        ("TRAP", libc::SIGTRAP),
        ("ABRT", libc::SIGABRT),
        ("IOT", libc::SIGIOT),
        ("BUS", libc::SIGBUS),
        ("FPE", libc::SIGFPE),
        ("KILL", libc::SIGKILL),
        ("USR1", libc::SIGUSR1),
        ("SEGV", libc::SIGSEGV),
        ("USR2", libc::SIGUSR2),
        ("PIPE", libc::SIGPIPE),
        ("ALRM", libc::SIGALRM),
        ("TERM", libc::SIGTERM),
        ("STKFLT", libc::SIGSTKFLT),
        ("CHLD", libc::SIGCHLD),
        ("CONT", libc::SIGCONT),
        ("STOP", libc::SIGSTOP),
        ("TSTP", libc::SIGTSTP),
        ("TTIN", libc::SIGTTIN),
        ("TTOU", libc::SIGTTOU),
        ("URG", libc::SIGURG),
        ("XCPU", libc::SIGXCPU),
        ("XFSZ", libc::SIGXFSZ),
        ("VTALRM", libc::SIGVTALRM),
        ("PROF", libc::SIGPROF),
        ("WINCH", libc::SIGWINCH),
        ("IO", libc::SIGIO),
        ("POLL", libc::SIGPOLL),
        ("PWR", libc::SIGPWR),
        ("SYS", libc::SIGSYS),
    ];
    const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;
    if let Ok(number) = name.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == short) {
        return Some(*number);
    }
    let (start, sign, offset) = match (short.strip_prefix("RTMIN"), short.strip_prefix("RTMAX")) {
        (Some(rest), _) => (*REAL_TIME.start(), '+', rest),
        (_, Some(rest)) => (*REAL_TIME.end(), '-', rest),
        _ => return None,
    };
    let offset: i32 = match offset.strip_prefix(sign) {
        None if offset.is_empty() => 0,
        None => return None,
        Some(digits) => digits.parse().ok()?,
    };
    let number = if sign == '+' {
        start.checked_add(offset)
    } else {
        start.checked_sub(offset)
    };
    number.filter(|number| REAL_TIME.contains(number))
}

#[cfg(test)]
mod tests {
    use super::signal_number;

    #[test]
    fn signals_have_names_and_numbers() {
        for (name, number) in [
            ("SIGTERM", 15),
            ("quit", 3),
            ("9", 9),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
            ("RTMIN", 34),
        ] {
            assert_eq!(signal_number(name), Some(number), "{name}");
        }
        for name in ["", "SIG", "0", "65", "NOPE", "RTMIN+40", "RTMAX+1", "RTMIN+x"] {
            assert_eq!(signal_number(name), None, "{name}");
        }
    }
}
