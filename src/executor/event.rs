//! What happens during a build, told while it happens.

/// Takes events. Called from several threads at once; must not block for long.
pub trait Sink: Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// Forgets everything.
impl Sink for () {
    fn event(&self, _: Event<'_>) {}
}

impl<F: Fn(Event<'_>) + Sync> Sink for F {
    fn event(&self, event: Event<'_>) {
        self(event);
    }
}

/// Where output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Event<'_> {
    /// The same of another build, whose vertices have numbers from `first` on.
    pub fn from_vertex(mut self, first: usize) -> Self {
        match &mut self {
            Event::StepStarted { vertex, .. }
            | Event::StepOutput { vertex, .. }
            | Event::StepDone { vertex, .. }
            | Event::StepFailed { vertex, .. }
            | Event::Progress { vertex, .. } => *vertex = vertex.saturating_add(first),
            Event::Warning { .. } => {}
        }
        self
    }
}

/// One thing that happened. A vertex is BuildKit's word for a step of the build graph; its number is
/// unique in a build.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A step begins.
    StepStarted {
        /// Which one.
        vertex: usize,
        /// The stage's name, or its number; none for steps of no stage, such as a pull.
        stage: Option<&'a str>,
        /// The instruction on one line, variables expanded; or what else is done. Never a secret.
        name: &'a str,
    },
    /// A step's process wrote something. Not cut at line ends.
    StepOutput {
        /// Which one.
        vertex: usize,
        /// Where to.
        stream: Stream,
        /// What.
        bytes: &'a [u8],
    },
    /// A step is done.
    StepDone {
        /// Which one.
        vertex: usize,
        /// Nothing had to be done: the result was in the cache.
        cached: bool,
        /// How long it took.
        millis: u64,
    },
    /// A step failed; the error itself is what the call returns.
    StepFailed {
        /// Which one.
        vertex: usize,
        /// One line.
        message: &'a str,
    },
    /// Something long goes on inside a step: bytes of a pull, an export.
    Progress {
        /// Which step.
        vertex: usize,
        /// What of it: a layer's short digest, a file's name.
        what: &'a str,
        /// Bytes done.
        done: u64,
        /// Bytes to do, where that is known.
        total: Option<u64>,
    },
    /// The build goes on, and somebody should know.
    Warning {
        /// One line or more, without a full stop at the end.
        message: &'a str,
    },
}
