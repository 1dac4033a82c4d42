//! One thing that was compared, and how it went.

use serde::Serialize;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Ok,
    /// It does not: the rewrite is broken.
    Failed,
    /// It could not be looked at; `detail` says why.
    Skipped,
}

/// One thing that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A stable name: `config.env`, `closure.entrypoint`, `behaviour.exit-code`, `probe.http`.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// How it went, where `ok` says too little.
    pub outcome: Outcome,
    /// What was seen, a sentence; what to do is among it where something failed.
    pub detail: String,
}

impl Check {
    /// It holds.
    pub fn ok(name: impl Into<String>, detail: impl Into<String>) -> Check {
        Check {
            name: name.into(),
            ok: true,
            outcome: Outcome::Ok,
            detail: detail.into(),
        }
    }

    /// It does not.
    pub fn failed(name: impl Into<String>, detail: impl Into<String>) -> Check {
        Check {
            name: name.into(),
            ok: false,
            outcome: Outcome::Failed,
            detail: detail.into(),
        }
    }

    /// Nobody could look. It does not count against the rewrite.
    pub fn skipped(name: impl Into<String>, why: impl Into<String>) -> Check {
        Check {
            name: name.into(),
            ok: true,
            outcome: Outcome::Skipped,
            detail: why.into(),
        }
    }

    /// Whether it speaks against the rewrite.
    pub fn is_failure(&self) -> bool {
        self.outcome == Outcome::Failed
    }
}
