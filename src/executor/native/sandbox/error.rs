//! Why something could not be run, for whoever runs it.

use super::wire::{Failure, FailureKind};
use crate::executor::engine::EngineName;
use crate::executor::error::Error;
use std::io;

/// Why a process was not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The kernel, or what confines this process already, does not allow sandboxes.
    #[error("this machine does not allow sandboxes: cannot {what}: {source}")]
    NotAllowed {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
        /// What to do.
        help: String,
    },
    /// Overlayfs cannot merge these layers here; a copied snapshot can be used instead.
    #[error("cannot {what}: {source}")]
    NoOverlay {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// What was asked for is not there: a user, a mount's source.
    #[error("{0}")]
    Instruction(String),
    /// The program could not be executed.
    #[error("cannot execute {program}: {reason}")]
    Program {
        /// Its name as given.
        program: String,
        /// Why, for people.
        reason: String,
        /// What a shell would exit with: 127 where there is no such program, else 126.
        code: i32,
    },
    /// A limit was reached.
    #[error("it took more than its limit of {0}, and was ended")]
    Limit(String),
    /// The caller asked for the end.
    #[error("it was cancelled")]
    Cancelled,
    /// The system failed in another way.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl RunError {
    pub(super) fn system(what: &str) -> impl FnOnce(io::Error) -> RunError {
        move |source| RunError::System {
            what: what.to_owned(),
            source,
        }
    }

    /// What to do, where that can be said.
    pub fn help(&self) -> Option<&str> {
        match self {
            RunError::NotAllowed { help, .. } => Some(help),
            RunError::System { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("the disk is full: make room, for example with `mbopt cache prune`")
            }
            _ => None,
        }
    }
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> RunError {
        let source = match failure.errno {
            0 => io::Error::other("no reason was given"),
            errno => io::Error::from_raw_os_error(errno),
        };
        match failure.kind {
            FailureKind::NotAllowed => RunError::NotAllowed {
                help: super::advice::not_allowed(),
                what: failure.what,
                source,
            },
            FailureKind::NoOverlay => RunError::NoOverlay {
                what: failure.what,
                source,
            },
            FailureKind::Instruction if failure.errno == 0 => RunError::Instruction(failure.what),
            FailureKind::Instruction => RunError::Instruction(format!("cannot {}: {source}", failure.what)),
            FailureKind::Program => program(failure.what, source),
            FailureKind::System => RunError::System {
                what: failure.what,
                source,
            },
        }
    }
}

fn program(program: String, source: io::Error) -> RunError {
    let (reason, code) = match source.raw_os_error() {
        Some(libc::ENOENT) => (
            if program.contains('/') {
                "there is no such file in the image, or its interpreter is missing".to_owned()
            } else {
                "there is no such program on the PATH of the image, or its interpreter is missing".to_owned()
            },
            127,
        ),
        Some(libc::ENOEXEC) => ("it is for another platform, or a script without `#!`".to_owned(), 126),
        _ => (source.to_string(), 126),
    };
    RunError::Program { program, reason, code }
}

impl From<RunError> for Error {
    /// For callers that have no instruction to blame.
    fn from(error: RunError) -> Error {
        match error {
            RunError::Cancelled => Error::Cancelled,
            RunError::Limit(limit) => Error::Limit {
                what: "a process".to_owned(),
                limit,
            },
            RunError::NotAllowed { ref help, .. } => Error::Unavailable {
                engine: EngineName::Native,
                help: help.clone(),
                why: error.to_string(),
            },
            other => Error::Program {
                program: "the sandbox".to_owned(),
                message: other.to_string(),
            },
        }
    }
}
