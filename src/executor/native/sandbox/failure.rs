//! Turning what the system refuses into something that says what was tried.

use super::wire::{Failure, FailureKind};
use rustix::io::Errno;

/// Names what was tried.
pub(super) trait During<T> {
    /// A refusal is the kernel's or the machine's.
    fn during(self, what: impl Into<String>) -> Result<T, Failure>;
    /// A refusal comes from what the instruction asks for.
    fn asked(self, what: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: Into<Refusal>> During<T> for Result<T, E> {
    fn during(self, what: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| {
            let Refusal(errno) = error.into();
            let denied = errno == Errno::PERM.raw_os_error() || errno == Errno::ACCESS.raw_os_error();
            let kind = if denied {
                FailureKind::NotAllowed
            } else {
                FailureKind::System
            };
            Failure {
                kind,
                what: what.into(),
                errno,
            }
        })
    }

    fn asked(self, what: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            kind: FailureKind::Instruction,
            what: what.into(),
            errno: error.into().0,
        })
    }
}

/// An error number, from whichever library; 0 where there is none.
pub(super) struct Refusal(i32);

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal(errno.raw_os_error())
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Refusal {
        Refusal(error.raw_os_error().unwrap_or(0))
    }
}
