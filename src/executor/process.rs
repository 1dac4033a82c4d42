//! Programs that are started, listened to, and ended when they take too long or nobody wants their
//! result any more.

use super::cancel::Cancel;
use super::error::Error;
use super::event::Stream;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of each stream that are kept.
const KEPT: usize = 1 << 20;

/// How often it is looked whether the program should end.
const TICK: Duration = Duration::from_millis(50);

/// How long output is waited for that a program wrote before it ended.
const LINGER: Duration = Duration::from_secs(2);

/// What a program gets to put its things in order after it was asked to end.
const GRACE: Duration = Duration::from_secs(5);

/// Takes what a program writes.
pub(super) type Listener<'a> = dyn FnMut(Stream, &[u8]) -> Result<(), Error> + 'a;

/// A program that works for an engine, such as `docker`.
#[derive(Debug, Clone)]
pub(super) struct Program {
    path: PathBuf,
    env: Vec<(OsString, OsString)>,
}

/// What a program wrote and how it ended.
#[derive(Debug)]
pub(super) struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The first MiB.
    pub stdout: Vec<u8>,
    /// The first MiB.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Standard output as text, without blanks around it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// What it complained about: the last lines of standard error.
    pub fn complaint(&self) -> String {
        last_lines(&String::from_utf8_lossy(&self.stderr), 5)
    }
}

/// The last lines of a text, blank ones left out.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines
        .get(lines.len().saturating_sub(count)..)
        .unwrap_or_default()
        .join("\n")
}

impl Program {
    /// A program by its path.
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program {
            path: path.into(),
            env: Vec::new(),
        }
    }

    /// With an environment variable set.
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Program {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The programs of that name in the folders of a PATH, in order. Relative folders are left out:
    /// they would run what a repository brings along.
    pub fn on_path(name: &str, path: Option<&OsStr>) -> Vec<PathBuf> {
        let Some(path) = path else { return Vec::new() };
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .filter(|program| program.is_file())
            .collect()
    }

    /// `docker build`: the name and the first argument, for messages.
    fn title(&self, args: &[OsString]) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy();
        let verbs: Vec<_> = args
            .iter()
            .map(|arg| arg.to_string_lossy())
            .take_while(|arg| arg.bytes().all(|b| b.is_ascii_lowercase()))
            .take(2)
            .collect();
        match verbs.as_slice() {
            [] => name.into_owned(),
            verbs => format!("{name} {}", verbs.join(" ")),
        }
    }

    /// Runs it to its end; how it ended is the caller's to judge.
    ///
    /// # Errors
    /// It cannot be started, was cancelled, or took longer than `limit`.
    pub fn run<I, A>(&self, args: I, limit: Option<Duration>, cancel: &Cancel) -> Result<Finished, Error>
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString>,
    {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let status = self.watch(args, limit, cancel, &mut |stream, bytes| {
            let kept = match stream {
                Stream::Stdout => &mut stdout,
                Stream::Stderr => &mut stderr,
            };
            let room = KEPT.saturating_sub(kept.len());
            kept.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            Ok(())
        })?;
        Ok(Finished { status, stdout, stderr })
    }

    /// Runs it to its end and gives its standard output.
    ///
    /// # Errors
    /// As [`run`](Self::run), and where it fails; with what it complained about.
    pub fn ask<I, A>(&self, args: I, limit: Option<Duration>, cancel: &Cancel) -> Result<String, Error>
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString>,
    {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        let title = self.title(&args);
        let finished = self.run(args, limit, cancel)?;
        if finished.status.success() {
            return Ok(finished.text());
        }
        Err(Error::Program {
            program: title,
            message: finished.complaint(),
        })
    }

    /// Runs it to its end and shows what it writes as it comes, and now and then nothing while it
    /// writes nothing. An error from `on` ends it.
    ///
    /// # Errors
    /// It cannot be started, was cancelled, took longer than `limit`, or `on` gave one.
    pub fn watch<I, A>(
        &self,
        args: I,
        limit: Option<Duration>,
        cancel: &Cancel,
        on: &mut Listener<'_>,
    ) -> Result<ExitStatus, Error>
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString>,
    {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        cancel.check()?;
        let title = self.title(&args);
        let until = limit.map(|limit| Instant::now() + limit);
        let mut running = Running(self.spawn(&args)?);
        let receive = running.listen();
        let mut ended: Option<Instant> = None;
        let watched = loop {
            match receive.recv_timeout(TICK) {
                Ok((stream, bytes)) => {
                    if let Err(error) = on(stream, &bytes) {
                        break Err(error);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    // A program may leave a child behind that keeps the pipes open; what it wrote
                    // itself is still on its way for a moment.
                    if running.has_ended() && ended.get_or_insert_with(Instant::now).elapsed() > LINGER {
                        break Ok(());
                    }
                    if let Err(error) = on(Stream::Stdout, &[]) {
                        break Err(error);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
            }
            if cancel.is_cancelled() {
                break Err(Error::Cancelled);
            }
            if let (Some(until), Some(limit)) = (until, limit)
                && Instant::now() >= until
            {
                break Err(Error::Limit {
                    what: title.clone(),
                    limit: format!("{} s", limit.as_secs()),
                });
            }
        };
        if let Err(error) = watched {
            running.end();
            return Err(error);
        }
        loop {
            match running.0.try_wait().map_err(Error::io("wait for", &self.path))? {
                Some(status) => return Ok(status),
                None if cancel.is_cancelled() => {
                    running.end();
                    return Err(Error::Cancelled);
                }
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    fn spawn(&self, args: &[OsString]) -> Result<Child, Error> {
        let mut command = Command::new(&self.path);
        command
            .args(args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Ctrl-C in the terminal reaches this process alone, which then ends the program in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(Error::io("start", &self.path))
    }
}

/// A process that does not outlive its owner.
struct Running(Child);

impl Running {
    /// Both outputs on one channel; it is closed when both are. The channel is short, so that a
    /// program that writes faster than it is listened to waits.
    fn listen(&mut self) -> mpsc::Receiver<(Stream, Vec<u8>)> {
        let (send, receive) = mpsc::sync_channel(16);
        if let Some(pipe) = self.0.stdout.take() {
            forward(pipe, Stream::Stdout, send.clone());
        }
        if let Some(pipe) = self.0.stderr.take() {
            forward(pipe, Stream::Stderr, send);
        }
        receive
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Asks it to end, and sees to it.
    fn end(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed())
            && !self.has_ended()
        {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::TERM);
            let until = Instant::now() + GRACE;
            while Instant::now() < until && !self.has_ended() {
                thread::sleep(Duration::from_millis(5));
            }
            if !self.has_ended() {
                let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.end();
        }
    }
}

fn forward(mut pipe: impl Read + Send + 'static, stream: Stream, send: SyncSender<(Stream, Vec<u8>)>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count) = pipe.read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() || send.send((stream, bytes.to_vec())).is_err() {
                break;
            }
        }
    });
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh() -> Program {
        Program::new("/bin/sh").with_env("WORD", "value")
    }

    #[test]
    fn both_outputs_and_the_code_come_back() {
        let done = sh()
            .run(["-c", "echo $WORD; echo no >&2; exit 3"], None, &Cancel::new())
            .expect("it runs");
        assert_eq!((done.text().as_str(), done.complaint().as_str()), ("value", "no"));
        assert_eq!(done.status.code(), Some(3));
        let error = sh().ask(["-c", "echo why >&2; false"], None, &Cancel::new());
        assert!(matches!(error, Err(Error::Program { message, .. }) if message == "why"));
    }

    #[test]
    fn it_ends_in_time_with_its_children() {
        let begun = Instant::now();
        let limit = Some(Duration::from_millis(100));
        let error = sh().run(["-c", "sleep 60 & sleep 60"], limit, &Cancel::new());
        assert!(matches!(error, Err(Error::Limit { .. })), "{error:?}");
        let cancel = Cancel::new();
        let other = cancel.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            other.cancel();
        });
        let error = sh().run(["-c", "sleep 60"], None, &cancel);
        assert!(matches!(error, Err(Error::Cancelled)));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn much_output_does_not_stop_it() {
        let done = sh()
            .run(["-c", "head -c 3000000 /dev/zero"], None, &Cancel::new())
            .expect("it runs");
        assert_eq!(done.stdout.len(), KEPT);
    }
}
