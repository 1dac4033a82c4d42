//! Files and folders beside the artifacts that run time reads or writes.

use super::artifact::Artifacts;
use super::evidence::{Condition, Evidence};
use super::program::Program;
use super::site::Site;

/// A file or folder that run time needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Absolute in the image; that of a folder ends with `/`.
    pub path: String,
    /// Its path in the build context, where it comes from there as it is.
    pub context: Option<String>,
    /// It is written to, and need not exist.
    pub written: bool,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What run time needs besides artifacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files and folders.
    pub files: Vec<Need>,
    /// Names of environment variables that are read.
    pub env: Vec<String>,
    /// Programs that are started: `git`, `ffmpeg`.
    pub programs: Vec<(String, Evidence)>,
    /// Certificates of authorities are needed: it speaks TLS to others.
    pub certificates: Option<Evidence>,
    /// The table of time zones is needed.
    pub zones: Option<Evidence>,
    /// What must hold for taking only these files.
    pub conditions: Vec<Condition>,
}

/// What the stage's programs need besides the artifacts.
pub fn needs(site: &Site<'_>, programs: &[Program], artifacts: &Artifacts) -> Needs {
    let _ = (site, programs, artifacts);
    Needs::default()
}
