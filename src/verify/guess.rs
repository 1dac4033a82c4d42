//! What goes on while the original is built and looked at: its runs, and the build of the rewrite that is
//! most likely tried first.

use super::behaviour::Run;
use super::learnt::Learnt;
use super::site::{Made, Opened, Site, joined, millis};
use crate::executor::{Cancel, Error};
use std::sync::mpsc;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Instant;

/// The original, as far as it is known while its rewrites are built.
pub(super) struct Before<'b, 's, 'a> {
    pub made: &'b Made<'a>,
    pub opened: &'b Opened,
    /// Its first run, once that is over.
    pub first: mpsc::Receiver<Run>,
    /// Its runs; none once they were waited for.
    pub running: Option<ScopedJoinHandle<'s, Result<Learnt, Error>>>,
    pub learnt: Option<Learnt>,
    pub guess: Option<Guess<'s, 'a>>,
}

/// The rewrite that is tried first unless the original's image teaches otherwise: it is built while
/// that image is still looked into.
pub(super) struct Guess<'s, 'a> {
    text: String,
    pub cancel: Cancel,
    /// It was begun together with the original's build.
    at_once: bool,
    building: ScopedJoinHandle<'s, Building<'a>>,
}

impl<'s, 'a> Guess<'s, 'a> {
    /// Begins to build a text.
    pub fn begin(site: Site<'a>, text: String, cancel: Cancel, at_once: bool, scope: &'s Scope<'s, '_>) -> Guess<'s, 'a>
    where
        'a: 's,
    {
        let (request, asked) = (site.request(&text), cancel.clone());
        let building = scope.spawn(move || {
            let begun = Instant::now();
            Ok((site.build(&request, &asked)?, millis(begun)))
        });
        Guess {
            text,
            cancel,
            at_once,
            building,
        }
    }

    /// What came of it; none where it failed and might not have if it had been built alone.
    fn result(self) -> Option<Building<'a>> {
        let built = joined(self.building);
        let by_chance = |error| self.at_once && may_be_chance(error);
        match &built {
            Ok((Err(error), _)) if by_chance(error) => None,
            _ => Some(built),
        }
    }

    /// Gives it up.
    pub fn end(self) {
        self.cancel.cancel();
        let _ = joined(self.building);
    }
}

/// Whether a build may have failed because another one went on: there was not enough memory for both, or
/// they got into each other's way.
pub(super) fn may_be_chance(error: &Error) -> bool {
    !matches!(
        error,
        Error::Dockerfile { .. } | Error::Image { .. } | Error::Unsupported { .. }
    )
}

/// What came of a build, and how long it took, in milliseconds.
pub(super) type Building<'a> = Result<(Result<Made<'a>, Error>, u64), Error>;

impl<'a> Before<'_, '_, 'a> {
    /// What its first run showed; waits for it.
    pub fn first(&mut self) -> Result<Run, Error> {
        if let (None, Ok(first)) = (&self.learnt, self.first.recv()) {
            return Ok(first);
        }
        Ok(self.learnt()?.first().clone())
    }

    /// What its runs showed; waits for them.
    pub fn learnt(&mut self) -> Result<&Learnt, Error> {
        if let Some(running) = self.running.take() {
            self.learnt = Some(joined(running)?);
        }
        self.learnt.as_ref().ok_or(Error::Cancelled)
    }

    /// The build of this text, where it was guessed; one of another is given up.
    pub fn guessed(&mut self, text: &str) -> Option<Building<'a>> {
        let guess = self.guess.take()?;
        if guess.text == text {
            return guess.result();
        }
        guess.cancel.cancel();
        None
    }
}
