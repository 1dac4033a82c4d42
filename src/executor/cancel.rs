//! Ending work early.

use super::error::Error;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A request to end, shared by everything that works for one caller. Cheap to clone.
///
/// It is only ever asked for; whoever works looks at it often (at least ten times a second) and
/// takes down what it has begun before it returns [`Error::Cancelled`].
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    cancelled: bool,
    children: Vec<Weak<Shared>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self) {
        let children = {
            let mut state = self.lock();
            state.cancelled = true;
            std::mem::take(&mut state.children)
        };
        self.changed.notify_all();
        for child in children.iter().filter_map(Weak::upgrade) {
            child.cancel();
        }
    }
}

impl Cancel {
    /// One that nobody has asked for yet.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Asks for the end. Not for use inside a signal handler itself: it takes a lock.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether the end was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.lock().cancelled
    }

    /// To be put between two pieces of work.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once the end was asked for.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }

    /// One that is cancelled with this one, and can be cancelled alone: for work in parallel that
    /// ends as soon as one part fails.
    pub fn child(&self) -> Cancel {
        let child = Cancel::default();
        let mut state = self.0.lock();
        if state.cancelled {
            child.0.lock().cancelled = true;
        } else {
            state.children.retain(|other| other.strong_count() > 0);
            state.children.push(Arc::downgrade(&child.0));
        }
        drop(state);
        child
    }

    /// Sleeps until the end is asked for, at most so long; whether it was asked for.
    pub fn wait(&self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        let mut state = self.0.lock();
        while !state.cancelled {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .0
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.cancelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_child_ends_with_its_parent_and_not_the_other_way_round() {
        let parent = Cancel::new();
        let (one, two) = (parent.child(), parent.child());
        one.cancel();
        assert!(one.is_cancelled() && !parent.is_cancelled() && !two.is_cancelled());
        parent.cancel();
        assert!(two.is_cancelled() && parent.child().is_cancelled());
        assert!(matches!(two.check(), Err(Error::Cancelled)));
    }

    #[test]
    fn waiting_ends_when_asked() {
        let cancel = Cancel::new();
        assert!(!cancel.wait(Duration::from_millis(1)));
        let other = cancel.clone();
        let waiting = thread::spawn(move || other.child().wait(Duration::from_secs(60)));
        thread::sleep(Duration::from_millis(20));
        cancel.cancel();
        assert!(waiting.join().expect("it ends"));
    }
}
