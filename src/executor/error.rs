//! What can go wrong in a build.

use super::engine::EngineName;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a build, or something around it, failed. Messages never hold a credential or a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An engine is not there, or does not answer.
    #[error("the {engine} engine cannot be used: {why}")]
    Unavailable {
        /// Which one.
        engine: EngineName,
        /// What was found.
        why: String,
        /// What to do.
        help: String,
    },
    /// The Dockerfile cannot be built as it stands.
    #[error("{file}:{line}: {message}")]
    Dockerfile {
        /// Its name.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// What to do, where that can be said.
        help: Option<String>,
    },
    /// A step of the build failed.
    #[error("{0}")]
    Step(Box<StepFailure>),
    /// An image cannot be had: unknown, no access, no network, a wrong digest.
    #[error("the image {reference} cannot be had: {why}")]
    Image {
        /// Its name as the user knows it.
        reference: String,
        /// What happened.
        why: String,
        /// What to do.
        help: Option<String>,
    },
    /// An archive or an image that is broken, or that tries to write where it must not.
    #[error("{what} is refused: {why}")]
    Refused {
        /// The archive, layer, image.
        what: String,
        /// What about it.
        why: String,
    },
    /// A limit that the caller set was reached.
    #[error("{what} took more than its limit of {limit}, and was ended")]
    Limit {
        /// What took too much.
        what: String,
        /// `600 s`, `4 GiB`, `1024 processes`.
        limit: String,
    },
    /// This engine cannot do that.
    #[error("{what} is not possible with the {engine} engine")]
    Unsupported {
        /// Which one.
        engine: EngineName,
        /// What was asked for.
        what: String,
        /// What to do.
        help: Option<String>,
    },
    /// An engine's program failed in another way than a step's.
    #[error("{program} failed: {message}")]
    Program {
        /// `docker build`, `podman run`.
        program: String,
        /// The last lines that it wrote.
        message: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// `read`, `create`, `mount`.
        action: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The caller asked for the end.
    #[error("the build was cancelled")]
    Cancelled,
}

/// A step of the build that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepFailure {
    /// The Dockerfile's name.
    pub file: String,
    /// From 1; 0 where it is not known.
    pub line: usize,
    /// The stage's name or number, where there is one.
    pub stage: Option<String>,
    /// The instruction on one line.
    pub instruction: String,
    /// What went wrong: `exit code 127`, `no source matches ...`.
    pub message: String,
    /// The exit code, where a process ran and failed.
    pub code: Option<i32>,
    /// The end of what the step wrote, both streams, lossily decoded.
    pub output: String,
    /// What to do, where that can be said.
    pub help: Option<String>,
}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A RUN can be pages long; the place is named before it.
        let short: String = self.instruction.chars().take(100).collect();
        let dots = if short.len() < self.instruction.len() {
            "..."
        } else {
            ""
        };
        if self.line > 0 {
            write!(f, "{}:{}: ", self.file, self.line)?;
        }
        write!(f, "`{short}{dots}` failed: {}", self.message)
    }
}

impl Error {
    /// For `map_err`: `File::open(path).map_err(Error::io("open", path))`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io {
            action,
            path: path.as_ref().to_owned(),
            source,
        }
    }

    /// What to do, where that can be said.
    pub fn help(&self) -> Option<&str> {
        match self {
            Error::Unavailable { help, .. } => Some(help),
            Error::Step(failure) => failure.help.as_deref(),
            Error::Dockerfile { help, .. } | Error::Image { help, .. } | Error::Unsupported { help, .. } => {
                help.as_deref()
            }
            Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("the disk is full: make room, for example with `mbopt cache prune`")
            }
            _ => None,
        }
    }

    /// Whether another try can help: what depends on a network or on somebody else's server.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Step(_) | Error::Image { .. } | Error::Program { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place() {
        let step = Error::Step(Box::new(StepFailure {
            file: "Dockerfile".into(),
            line: 3,
            instruction: format!("RUN {}", "x".repeat(500)),
            message: "exit code 1".into(),
            code: Some(1),
            ..StepFailure::default()
        }));
        let text = step.to_string();
        assert!(text.starts_with("Dockerfile:3: `RUN xxx") && text.ends_with("...` failed: exit code 1"));
        assert!(text.len() < 200);
        let full = Error::io("write", "/x")(io::Error::from(io::ErrorKind::StorageFull));
        assert!(full.to_string().starts_with("cannot write /x: ") && full.help().is_some());
    }
}
