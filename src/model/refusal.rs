//! Why BuildKit refuses a file.

use crate::source::Span;

/// When BuildKit finds the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// While it parses lines and instructions.
    Parse,
    /// While it turns the instructions into a build: names, expansions, the stage graph.
    Convert,
    /// Only with this context or these build arguments; another build of the same file may pass.
    /// Reported as a warning, never with exit code 4.
    Context,
}

/// One reason for BuildKit to refuse the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When it is found.
    pub phase: Phase,
    /// What is wrong and, where it helps, what to write instead.
    pub message: String,
    /// The place.
    pub span: Span,
    /// The line that BuildKit names, from 1, where it names one.
    pub line: Option<usize>,
}
