//! Is the rewritten image smaller, and does it still do the same? Both are built for real, by the
//! same engine, and compared: sizes, config, what the first process needs, behaviour.
//!
//! A [`Report`] holds what was seen; how it is shown is the report layer's business.

pub mod behaviour;
pub mod check;
pub mod closure;
pub mod config;
mod drawn;
pub mod elf;
pub mod files;
mod guess;
pub mod http;
pub mod learn;
pub mod learnt;
pub mod lessons;
mod lookup;
pub mod normalise;
mod original;
pub mod owners;
pub mod probe;
pub mod prove;
mod rebuild;
mod site;
pub mod sizes;
pub mod start;
pub mod traced;
pub mod tree;

pub use check::{Check, Outcome};
pub use probe::{Probe, ProbeError};
pub use prove::{Input, Next, Options, Rewrite, Touch, prove};
pub use sizes::{ImageSize, Removed, StageSize};

use serde::Serialize;

/// The version of the JSON report. It changes when a field changes its meaning or goes.
pub const REPORT_VERSION: u32 = 1;

/// What it all comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Smaller by more than two builds may differ, and every check holds.
    Smaller,
    /// Every check holds, but the image is not smaller, or by too little to be one.
    NotSmaller,
    /// A check failed: the rewrite does something else than the original.
    Broken,
    /// The original does not build or does not start; nothing can be said of the rewrite.
    OriginalFails,
    /// It could not be found out, and `reason` says why.
    NotVerified,
}

impl Verdict {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Smaller => "smaller",
            Verdict::NotSmaller => "not smaller",
            Verdict::Broken => "broken",
            Verdict::OriginalFails => "the original fails",
            Verdict::NotVerified => "not verified",
        }
    }
}

/// What was found out about one Dockerfile and its rewrite.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The Dockerfile, as the user named it.
    pub dockerfile: String,
    /// What it is written in, where the planner knows: `go`, `node`.
    pub ecosystems: Vec<String>,
    /// What it all comes to.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// Which engine built.
    pub engine: String,
    /// `linux/amd64`.
    pub platform: String,
    /// The original.
    pub before: Option<ImageSize>,
    /// The rewrite that the verdict is about.
    pub after: Option<ImageSize>,
    /// The part of the unpacked bytes that went, 0 to 1; negative where it grew.
    pub reduction: Option<f64>,
    /// What was compared, for the rewrite that the verdict is about.
    pub checks: Vec<Check>,
    /// Whether the behaviour that was compared says little: the original ended at once with an error.
    pub weak: bool,
    /// What left the image, where both were built.
    pub removed: Option<Removed>,
    /// Each rewrite that was tried, boldest first.
    pub candidates: Vec<Candidate>,
    /// Rebuild times after a change to a source file, where asked for.
    pub rebuild: Option<Rebuild>,
    /// How long things took.
    pub timing: Timing,
    /// What people should know and what changes no verdict.
    pub notes: Vec<String>,
    /// Variables that the project's own papers name, and that were not set.
    pub offers: Vec<Offer>,
}

/// A variable that may show more of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// The value that is given there; may be empty.
    pub value: String,
    /// Where: `README.md:12`.
    pub from: String,
}

/// What the planner says of a rewrite that it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Its level: `artifacts`, `application`, `slim`, `order`.
    pub level: &'static str,
    /// Whether `--fix` takes it: `safe`; `unsafe` asks for `--unsafe-fixes`.
    pub applicability: &'static str,
}

/// A rewrite that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Candidate {
    /// What it is: its level and its runtime base.
    pub name: String,
    /// How far it goes, where the planner made it.
    #[serde(flatten)]
    pub planned: Option<Planned>,
    /// What came of it.
    pub verdict: Verdict,
    /// Bytes of its image, unpacked, where it was built.
    pub unpacked_bytes: Option<u64>,
    /// The same, compressed.
    pub compressed_bytes: Option<u64>,
    /// Why it fell; empty for the one that was taken.
    pub why: String,
    /// Its text.
    #[serde(skip)]
    pub text: String,
}

/// How long a rebuild takes after a source file changed.
#[derive(Debug, Clone, Serialize)]
pub struct Rebuild {
    /// The file that was changed.
    pub changed: String,
    /// Milliseconds, the original.
    pub before_millis: u64,
    /// Milliseconds, the rewrite.
    pub after_millis: u64,
    /// Instructions that ran again, the original.
    pub before_steps: usize,
    /// Instructions that ran again, the rewrite.
    pub after_steps: usize,
    /// Where the original's time is from; the rewrite was always built again.
    pub before_from: RebuildFrom,
}

/// Where the time of a rebuild is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebuildFrom {
    /// It was built again.
    Rebuild,
    /// From the same steps of the build from nothing.
    FirstBuild,
}

/// Milliseconds spent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Timing {
    /// The original's build.
    pub build_before: u64,
    /// The builds of all rewrites that were tried; the first may have gone on beside the original's.
    pub build_after: u64,
    /// Everything else but tests and rebuilds: reading images, checks, probes. The original is run while
    /// the rewrite is built, which counts as building.
    pub compare: u64,
    /// Waiting for what compressed sizes were not known yet.
    pub compress: u64,
    /// Tester stages.
    pub tests: u64,
    /// Rebuilds.
    pub rebuild: u64,
}
