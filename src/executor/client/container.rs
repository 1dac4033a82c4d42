//! A container of Docker's or Podman's.

use super::follow::{End, Follow};
use super::{Client, QUICK};
use crate::executor::cancel::Cancel;
use crate::executor::engine::{Container, ExecOutput, Exit, Logs, Stopped};
use crate::executor::error::Error;
#[cfg(target_os = "linux")]
use crate::executor::trace::{Trace, Tracer, when_mounted};
use std::net::IpAddr;
#[cfg(target_os = "linux")]
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::sync::Arc;
use std::sync::OnceLock;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a client that waits may take to tell of an end that has come.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked whether a container has ended, where nobody tells of it.
const STEP: Duration = Duration::from_millis(100);

/// Removes the container when it is dropped.
#[derive(Debug)]
pub(in crate::executor) struct ClientContainer {
    client: Client,
    id: String,
    /// When it has to end, once it is started.
    limit: Option<Duration>,
    until: Option<Instant>,
    traced: bool,
    /// Since it was started.
    follow: Option<Follow>,
    /// Asked for once it runs.
    whereabouts: OnceLock<Whereabouts>,
    #[cfg(target_os = "linux")]
    trace: Option<Result<Tracer, String>>,
}

/// Where a container that runs is reached.
#[derive(Debug, Clone, Default)]
struct Whereabouts {
    /// What it is asked to end by; empty where nobody said.
    stop_signal: String,
    /// Its first process, where it is one of this machine's.
    pid: Option<u32>,
    address: Option<IpAddr>,
}

impl ClientContainer {
    pub(super) fn new(client: Client, id: String, limit: Option<Duration>, traced: bool) -> ClientContainer {
        ClientContainer {
            client,
            id,
            limit,
            until: None,
            traced,
            follow: None,
            whereabouts: OnceLock::new(),
            #[cfg(target_os = "linux")]
            trace: None,
        }
    }

    /// Starts it, and watches its files from when the engine mounts them.
    #[cfg(target_os = "linux")]
    fn start_watched(&mut self) -> Result<(), Error> {
        let Some(root) = self.merged() else {
            self.trace = Some(Err(
                "this engine keeps its containers' files where they cannot be watched".to_owned(),
            ));
            return self.client.ask(&["start", &self.id]).map(drop);
        };
        let enough = Arc::new(AtomicBool::new(false));
        let watching = when_mounted(root, Arc::clone(&enough));
        let started = self.client.ask(&["start", &self.id]);
        enough.store(true, Ordering::Relaxed);
        self.trace = Some(watching.join().unwrap_or_else(|_| Err("tracing failed".to_owned())));
        started.map(drop)
    }

    /// Where the container's root will be mounted. Podman says so of those that run only, but it is
    /// beside what they write.
    #[cfg(target_os = "linux")]
    fn merged(&self) -> Option<PathBuf> {
        let said = self.inspect("{{json .GraphDriver.Data}}").ok()?;
        let said: serde_json::Value = serde_json::from_str(&said).ok()?;
        let folder = |name: &str| Some(PathBuf::from(said.get(name)?.as_str()?)).filter(|path| path.is_absolute());
        folder("MergedDir").or_else(|| Some(folder("UpperDir")?.parent()?.join("merged")))
    }

    #[cfg(not(target_os = "linux"))]
    fn start_watched(&mut self) -> Result<(), Error> {
        self.client.ask(&["start", &self.id]).map(drop)
    }

    fn inspect(&self, format: &str) -> Result<String, Error> {
        self.client.ask(&["inspect", "--format", format, &self.id])
    }

    /// Where it is reached, as long as it runs.
    fn whereabouts(&self) -> Whereabouts {
        if let Some(known) = self.whereabouts.get() {
            return known.clone();
        }
        let asked = self.inspect(
            "{{.State.Pid}} {{.NetworkSettings.IPAddress}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}\
             |{{.Config.StopSignal}}",
        );
        let said = asked.unwrap_or_default();
        let (said, stop_signal) = said.rsplit_once('|').unwrap_or((&said, ""));
        let mut words = said.split_whitespace();
        let pid = words.next().and_then(|pid| pid.parse::<u32>().ok());
        let Some(pid) = pid.filter(|pid| *pid != 0) else {
            return Whereabouts::default();
        };
        let found = Whereabouts {
            // An engine on another machine counts otherwise.
            pid: std::fs::metadata(format!("/proc/{pid}/ns/net")).ok().map(|_| pid),
            address: words.find_map(|address| address.parse().ok()),
            stop_signal: stop_signal.trim().to_owned(),
        };
        self.whereabouts.get_or_init(|| found).clone()
    }

    /// Its end, waited for at most so long.
    fn end(&self, at_most: Duration) -> Result<Option<(Exit, Instant)>, Error> {
        let heard = self.follow.as_ref().map_or(End::Lost, |follow| follow.end(at_most));
        match heard {
            End::Known(exit, when) => Ok(Some((exit, when))),
            End::None => Ok(None),
            End::Lost => {
                let until = Instant::now() + at_most;
                loop {
                    if let Some(exit) = self.ended()? {
                        return Ok(Some((exit, Instant::now())));
                    }
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    std::thread::sleep(left.min(STEP));
                }
            }
        }
    }

    /// Sends the stop signal, and kills what still runs after `grace`.
    fn ask_to_end(&self, grace: Duration) -> Result<(), Error> {
        let client = &self.client;
        if grace.is_zero() || grace.subsec_nanos() == 0 {
            let (seconds, limit) = (grace.as_secs().to_string(), Some(grace + QUICK));
            let args = ["stop", "--time", &seconds, &self.id];
            return client.program().ask(args, limit, &Cancel::new()).map(drop);
        }
        // Clients count whole seconds.
        let Whereabouts { stop_signal, .. } = self.whereabouts();
        let signal = if stop_signal.is_empty() {
            "SIGTERM"
        } else {
            &stop_signal
        };
        for args in [&["kill", "--signal", signal, &self.id][..], &["kill", &self.id]] {
            let asked = client.ask(args);
            if self.end(grace)?.is_some() {
                return Ok(());
            }
            asked?;
        }
        Ok(())
    }

    fn ended(&self) -> Result<Option<Exit>, Error> {
        let state = self.inspect("{{.State.Running}} {{.State.ExitCode}}")?;
        Ok(match state.split_once(' ') {
            Some(("false", code)) => code.trim().parse().ok().map(|code| Exit { code }),
            _ => None,
        })
    }
}

impl Container for ClientContainer {
    fn id(&self) -> String {
        self.id.chars().take(12).collect()
    }

    fn start(&mut self) -> Result<(), Error> {
        match self.traced {
            true => self.start_watched()?,
            false => drop(self.client.ask(&["start", &self.id])?),
        }
        self.follow = Some(Follow::begin(self.client.program(), &self.id));
        self.until = self.limit.map(|limit| Instant::now() + limit);
        Ok(())
    }

    fn wait(&mut self, at_most: Duration) -> Result<Option<Exit>, Error> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let time = left.map_or(at_most, |left| left.min(at_most));
        if let Some((exit, _)) = self.end(time)? {
            return Ok(Some(exit));
        }
        if left.is_some_and(|left| left <= at_most) {
            self.client.ask(&["kill", &self.id]).ok();
            return Ok(self.end(TOLD_WITHIN)?.map(|(exit, _)| exit));
        }
        Ok(None)
    }

    fn logs(&self) -> Result<Logs, Error> {
        if let Some(follow) = &self.follow
            && matches!(follow.end(Duration::ZERO), End::None)
        {
            return Ok(follow.logs());
        }
        let done = self
            .client
            .program()
            .run(["logs", &self.id], Some(QUICK), &Cancel::new())?;
        if !done.status.success() {
            return Err(Error::Program {
                program: "logs".to_owned(),
                message: done.complaint(),
            });
        }
        Ok(Logs {
            stdout: done.stdout,
            stderr: done.stderr,
        })
    }

    fn exec(&self, args: &[String], at_most: Duration) -> Result<ExecOutput, Error> {
        let all = ["exec".to_owned(), self.id.clone()]
            .into_iter()
            .chain(args.iter().cloned());
        let done = self.client.program().run(all, Some(at_most), &Cancel::new())?;
        Ok(ExecOutput {
            code: done.status.code().unwrap_or(-1),
            stdout: done.stdout,
            stderr: done.stderr,
        })
    }

    fn pid(&self) -> Option<u32> {
        self.whereabouts().pid
    }

    fn address(&self) -> Option<IpAddr> {
        self.whereabouts().address
    }

    fn stop(&mut self, grace: Duration) -> Result<Stopped, Error> {
        let running = self.end(Duration::ZERO)?.is_none();
        let begun = Instant::now();
        if running {
            self.ask_to_end(grace)?;
        }
        let stopped = begun.elapsed();
        let (code, took) = match self.end(TOLD_WITHIN)? {
            Some((exit, when)) => (exit.code, stopped.min(when.saturating_duration_since(begun))),
            None => (-1, stopped),
        };
        Ok(Stopped {
            code,
            millis: match running {
                true => u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                false => 0,
            },
            // Docker does not say; a process that was killed took all of its time.
            killed: running && code == 137 && took >= grace,
        })
    }

    #[cfg(target_os = "linux")]
    fn trace(&mut self) -> Result<Trace, String> {
        match self.trace.take() {
            Some(tracer) => tracer.map(Tracer::finish),
            None => Err("tracing was not asked for".to_owned()),
        }
    }
}

impl Drop for ClientContainer {
    fn drop(&mut self) {
        self.follow = None;
        self.client.removals.begin(self.client.program(), &self.id, QUICK);
    }
}
