//! Exit codes: what the caller learns without reading.

use std::process::ExitCode;

/// How a run ended. Where several hold, [`worst`](Self::worst) decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing found, or everything found was mended.
    Clean = 0,
    /// Findings at or above `--fail-on`, or `--diff` would change something.
    Findings = 1,
    /// Wrong usage, a broken config, a file that cannot be read or written.
    Failure = 2,
    /// No Dockerfile where one was to be.
    NothingFound = 3,
    /// A file that BuildKit would refuse.
    Refused = 4,
    /// `verify` found the rewrite broken, or not smaller.
    NotProved = 5,
    /// The user asked for the end (Ctrl-C).
    Interrupted = 130,
}

impl Outcome {
    /// The one to end with: a failure before a refusal before findings before nothing found.
    pub fn worst(self, other: Outcome) -> Outcome {
        if self.rank() >= other.rank() { self } else { other }
    }

    fn rank(self) -> u8 {
        match self {
            Outcome::Interrupted => 6,
            Outcome::NotProved => 3,
            Outcome::Clean => 0,
            Outcome::NothingFound => 1,
            Outcome::Findings => 2,
            Outcome::Refused => 4,
            Outcome::Failure => 5,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(outcome as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::*;

    #[test]
    fn two_before_four_before_one_before_three() {
        let order = [Failure, Refused, Findings, NothingFound, Clean];
        for (i, worse) in order.iter().enumerate() {
            for better in &order[i..] {
                assert_eq!(worse.worst(*better), *worse);
                assert_eq!(better.worst(*worse), *worse);
            }
        }
    }
}
