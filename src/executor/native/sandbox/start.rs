//! The builder's side: starts the sandbox' process, takes its output, ends it.

use super::error::RunError;
use super::spec::{ExitStatus, Root, RunSpec};
use super::wire::{self, Report, Request};
use crate::executor::cancel::Cancel;
use crate::executor::event::Stream;
use crate::executor::native::limits::{DiskWatch, Group};
use crate::executor::native::snapshot::{Backing, Snapshot};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::fs::File;
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How often cancelling and limits are looked at.
const TICK: Duration = Duration::from_millis(50);

/// A sandbox that was told to end and did not within this time is killed from outside.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts sandboxes.
#[derive(Debug, Clone)]
pub struct Sandbox {
    program: PathBuf,
    /// What [`Sandbox::backing`] found, for all clones.
    backing: Arc<OnceLock<Backing>>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Sandbox::new()
    }
}

impl Sandbox {
    /// By running this very program again. Its `main` must call [`super::entered`] before anything
    /// else.
    pub fn new() -> Sandbox {
        Sandbox::with_program("/proc/self/exe")
    }

    /// By running another program that calls [`super::entered`]: for tests, whose own program does not.
    pub fn with_program(program: impl Into<PathBuf>) -> Sandbox {
        Sandbox {
            program: program.into(),
            backing: Arc::default(),
        }
    }

    /// Runs one process to its end; everything that it started has ended by then. `output` gets what
    /// they write, as it comes. With no arguments at all, the sandbox is only made and taken down.
    ///
    /// # Errors
    /// See [`RunError`]; nothing that was started is left in any of its cases. That the process
    /// fails is no error.
    pub fn run(
        &self,
        spec: &RunSpec,
        output: &mut dyn FnMut(Stream, &[u8]),
        cancel: &Cancel,
    ) -> Result<ExitStatus, RunError> {
        let mut running = self.start(spec)?;
        let mut disk = spec.limits.disk.map(|limit| DiskWatch::new(changes(&spec.root), limit));
        loop {
            match running.next(TICK)? {
                Some(News::Output(stream, bytes)) => output(stream, &bytes),
                Some(News::Ended(ending)) => return ending,
                Some(_) | None => {}
            }
            if cancel.is_cancelled() {
                running.end(RunError::Cancelled);
            } else if let Some(limit) = spec.limits.time.filter(|limit| running.began.elapsed() > *limit) {
                running.end(RunError::Limit(format!("{} s", limit.as_secs_f32())));
            } else if disk.as_mut().is_some_and(DiskWatch::exceeded) {
                let limit = spec.limits.disk.unwrap_or(0);
                running.end(RunError::Limit(format!("{} MiB on the disk", limit >> 20)));
            }
        }
    }

    /// A snapshot in `directory`, which is made, over `lowers`, the lowest first; in the way that works
    /// here.
    ///
    /// # Errors
    /// Sandboxes are not allowed here at all, or there is no space.
    pub fn snapshot(&self, directory: impl Into<PathBuf>, lowers: Vec<PathBuf>) -> Result<Snapshot, RunError> {
        let directory = directory.into();
        let backing = match self.backing.get() {
            Some(known) => *known,
            None => {
                let found = self.backing(directory.parent().unwrap_or(&directory))?;
                *self.backing.get_or_init(|| found)
            }
        };
        Snapshot::create_as(backing, directory, lowers).map_err(RunError::system("make a snapshot"))
    }

    /// Whether sandboxes are allowed here at all, and how snapshots in `directory` have to be made. It
    /// mounts one and runs nothing.
    ///
    /// # Errors
    /// [`RunError::NotAllowed`] says what to do.
    pub fn backing(&self, directory: &Path) -> Result<Backing, RunError> {
        let place = tempfile::Builder::new()
            .prefix("probe-")
            .tempdir_in(directory)
            .map_err(RunError::system("make a directory for a trial"))?;
        let lower = place.path().join("lower");
        let made = std::fs::create_dir(&lower)
            .and_then(|()| Snapshot::create(place.path().join("snapshot"), vec![lower]))
            .map_err(RunError::system("make a directory for a trial"))?;
        let spec = RunSpec::new(made.root(), &[]);
        match self.run(&spec, &mut |_, _| {}, &Cancel::new()) {
            Ok(_) => Ok(Backing::Overlay),
            Err(RunError::NoOverlay { .. }) => Ok(Backing::Copies),
            Err(error) => Err(error),
        }
    }

    /// Starts one process.
    pub(in crate::executor::native) fn start(&self, spec: &RunSpec) -> Result<Running, RunError> {
        let (ours, theirs) = UnixStream::pair().map_err(RunError::system("make a socket"))?;
        let mut child = Command::new(&self.program)
            .arg(super::ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(RunError::system("start the sandbox"))?;
        let streams = [
            child.stdout.take().map(|pipe| File::from(OwnedFd::from(pipe))),
            child.stderr.take().map(|pipe| File::from(OwnedFd::from(pipe))),
        ];
        let mut running = Running {
            child,
            control: ours,
            streams,
            holder: None,
            began: Instant::now(),
            ending: None,
            reason: None,
            told: None,
            _group: None,
        };
        // Before it reads what to do, so that everything it starts is in the group too.
        running._group = Group::around(running.child.id(), &spec.limits);
        wire::send(&running.control, &Request::Run(Box::new(spec.clone())))
            .map_err(RunError::system("tell the sandbox what to run"))?;
        Ok(running)
    }
}

/// Where a root's changes go.
pub(in crate::executor::native) fn changes(root: &Root) -> &Path {
    match root {
        Root::Overlay { upper, .. } => upper,
        Root::Directory { path, .. } => path,
    }
}

/// A sandbox that runs. Dropping it ends it.
#[derive(Debug)]
pub(in crate::executor::native) struct Running {
    child: Child,
    control: UnixStream,
    streams: [Option<File>; 2],
    holder: Option<i32>,
    pub began: Instant,
    /// What the sandbox said of its end.
    ending: Option<Result<ExitStatus, RunError>>,
    /// Why we ended it.
    reason: Option<RunError>,
    told: Option<Instant>,
    _group: Option<Group>,
}

/// What comes from a sandbox.
#[derive(Debug)]
pub(in crate::executor::native) enum News {
    /// Its first process wrote something.
    Output(Stream, Vec<u8>),
    /// Its root is mounted, and its first process waits to be told to go.
    Prepared,
    /// Its first process runs its program.
    Started,
    /// Everything ended. Nothing comes after this.
    Ended(Result<ExitStatus, RunError>),
    /// Of another process in it.
    Exec(Report),
}

impl Running {
    /// The next thing that happens; none if nothing did in this time.
    pub(in crate::executor::native) fn next(&mut self, at_most: Duration) -> Result<Option<News>, RunError> {
        let mut polled = Vec::with_capacity(3);
        let mut which = Vec::with_capacity(3);
        for (number, stream) in self.streams.iter().enumerate() {
            if let Some(stream) = stream {
                which.push(number);
                polled.push(PollFd::new(stream, PollFlags::IN));
            }
        }
        let hear = self.ending.is_none();
        if hear {
            which.push(2);
            polled.push(PollFd::from_borrowed_fd(self.control.as_fd(), PollFlags::IN));
        }
        if which.is_empty() {
            return Ok(Some(News::Ended(self.finish())));
        }
        let timeout = Timespec {
            tv_sec: at_most.as_secs() as _,
            tv_nsec: at_most.subsec_nanos() as _,
        };
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(RunError::system("wait for the sandbox")(errno.into())),
        }
        let ready: Vec<usize> = which
            .iter()
            .zip(&polled)
            .filter(|(_, polled)| !polled.revents().is_empty())
            .map(|(which, _)| *which)
            .collect();
        // Output first, so that nothing that was written before the end comes after it.
        for which in ready {
            let news = match self.streams.get_mut(which) {
                Some(slot) => read(slot, which),
                None => self.hear(),
            };
            if news.is_some() {
                return Ok(news);
            }
        }
        if self.told.is_some_and(|told| told.elapsed() > PATIENCE) {
            let _ = self.child.kill();
        }
        Ok(None)
    }

    fn hear(&mut self) -> Option<News> {
        match wire::receive::<Report>(&self.control) {
            Ok(Some(Report::Holder(pid))) => {
                self.holder = Some(pid);
                None
            }
            Ok(Some(Report::Prepared)) => Some(News::Prepared),
            Ok(Some(Report::Started)) => Some(News::Started),
            Ok(Some(Report::Failed(failure))) => {
                self.ending = Some(Err(failure.into()));
                None
            }
            Ok(Some(Report::Ended(status))) => {
                self.ending = Some(Ok(status));
                None
            }
            Ok(Some(other)) => Some(News::Exec(other)),
            Ok(None) | Err(_) => {
                self.ending = Some(Err(RunError::System {
                    what: "hear from the sandbox".to_owned(),
                    source: io::Error::from(io::ErrorKind::UnexpectedEof),
                }));
                None
            }
        }
    }

    /// Tells it to end, because of this. Going on with [`next`](Self::next) leads to the end.
    pub(in crate::executor::native) fn end(&mut self, reason: RunError) {
        if self.told.is_none() {
            self.told = Some(Instant::now());
            self.reason = Some(reason);
            // The holder sees the end of the stream, kills everything and tidies up.
            let _ = self.control.shutdown(Shutdown::Write);
        }
    }

    /// Sends something to the holder.
    pub(in crate::executor::native) fn tell(&self, request: &Request) -> io::Result<()> {
        wire::send(&self.control, request)
    }

    /// The holder's number as this process sees it, once known.
    pub(in crate::executor::native) fn holder(&self) -> Option<i32> {
        self.holder
    }

    fn finish(&mut self) -> Result<ExitStatus, RunError> {
        let _ = self.child.wait();
        let ending = self.ending.take();
        match self.reason.take() {
            // It may have ended by itself just then; what we wanted counts.
            Some(reason) => Err(reason),
            None => ending.unwrap_or(Err(RunError::Cancelled)),
        }
    }
}

fn read(slot: &mut Option<File>, which: usize) -> Option<News> {
    let mut bytes = vec![0; 64 << 10];
    let read = match slot.as_mut().map(|pipe| pipe.read(&mut bytes)) {
        Some(Ok(read)) => read,
        Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => return None,
        _ => 0,
    };
    if read == 0 {
        *slot = None;
        return None;
    }
    bytes.truncate(read);
    let stream = if which == 0 { Stream::Stdout } else { Stream::Stderr };
    Some(News::Output(stream, bytes))
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.control.shutdown(Shutdown::Both);
        let told = Instant::now();
        // The holder tidies up within milliseconds.
        while let Ok(None) = self.child.try_wait() {
            if told.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
