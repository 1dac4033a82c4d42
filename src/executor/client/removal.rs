//! Containers that go while other work goes on: to remove one takes a client and an engine a moment, for
//! which nobody need wait.

use crate::executor::cancel::Cancel;
use crate::executor::process::Program;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is being removed. It is gone when the value is dropped, or was waited for.
#[derive(Debug, Default)]
pub(super) struct Removals(Mutex<Vec<JoinHandle<()>>>);

impl Removals {
    /// Begins to remove a container, whatever runs in it.
    pub fn begin(&self, program: &Program, id: &str, at_most: Duration) {
        let (program, id) = (program.clone(), id.to_owned());
        let removing = std::thread::spawn(move || {
            // The next run sweeps what cannot be removed now.
            let args = ["rm", "--force", "--volumes", id.as_str()];
            let _ = program.ask(args, Some(at_most), &Cancel::new());
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(removing);
    }

    /// Waits until all is gone that was begun with.
    pub fn wait(&self) {
        let begun = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for removing in begun {
            let _ = removing.join();
        }
    }
}

impl Drop for Removals {
    fn drop(&mut self) {
        self.wait();
    }
}
