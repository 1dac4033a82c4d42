//! What a container of the client's does while it runs, told by two clients that stay: one waits for
//! its end, the other takes what it writes. To ask anew each time would start a program for every look.

use crate::executor::cancel::Cancel;
use crate::executor::engine::{Exit, Logs};
use crate::executor::event::Stream;
use crate::executor::process::Program;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is kept of each stream, in bytes.
const KEPT: usize = 1 << 20;

/// Follows a container until it is dropped.
#[derive(Debug)]
pub(super) struct Follow {
    shared: Arc<Shared>,
    cancel: Cancel,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    logs: Logs,
    end: End,
}

/// What is known of a container's end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum End {
    /// It runs.
    #[default]
    None,
    /// It ended, and when that was heard of.
    Known(Exit, Instant),
    /// The client that waited is gone, and told nothing.
    Lost,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follow {
    /// Begins; the container has been started.
    pub fn begin(program: &Program, id: &str) -> Follow {
        let (shared, cancel) = (Arc::<Shared>::default(), Cancel::new());
        let waiting = {
            let (shared, cancel, program, id) = (Arc::clone(&shared), cancel.clone(), program.clone(), id.to_owned());
            std::thread::spawn(move || {
                let said = program.ask(["wait", &id], None, &cancel);
                let code = said.ok().and_then(|code| code.trim().parse().ok());
                shared.lock().end = match code {
                    Some(code) => End::Known(Exit { code }, Instant::now()),
                    None => End::Lost,
                };
                shared.changed.notify_all();
            })
        };
        let reading = {
            let (shared, cancel, program, id) = (Arc::clone(&shared), cancel.clone(), program.clone(), id.to_owned());
            std::thread::spawn(move || {
                // What it wrote in all is asked for at the end; this only says what there is so far.
                let _ = program.watch(["logs", "--follow", &id], None, &cancel, &mut |stream, bytes| {
                    let mut state = shared.lock();
                    let kept = match stream {
                        Stream::Stdout => &mut state.logs.stdout,
                        Stream::Stderr => &mut state.logs.stderr,
                    };
                    let room = KEPT.saturating_sub(kept.len()).min(bytes.len());
                    kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
                    Ok(())
                });
            })
        };
        Follow {
            shared,
            cancel,
            threads: vec![waiting, reading],
        }
    }

    /// Its end, waited for at most so long.
    pub fn end(&self, at_most: Duration) -> End {
        let until = Instant::now().checked_add(at_most);
        let mut state = self.shared.lock();
        while matches!(state.end, End::None) {
            let left = until.map_or(at_most, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            let changed = self.shared.changed.wait_timeout(state, left);
            state = changed.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.end
    }

    /// What it wrote so far, as far as it was heard of.
    pub fn logs(&self) -> Logs {
        self.shared.lock().logs.clone()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.cancel.cancel();
        for thread in self.threads.drain(..) {
            // It only ends by itself.
            let _ = thread.join();
        }
    }
}
