//! Which base images could run what the build makes.

use super::artifact::Artifacts;
use super::evidence::{Condition, Evidence};
use super::need::Needs;
use super::program::Program;
use super::site::Site;
use super::system::SystemPackages;
use crate::knowledge::Variant;
use crate::shell::Manager;

/// A base image for the runtime stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeBase {
    /// What stands behind FROM.
    pub reference: String,
    /// What the table knows of it; none for `scratch`.
    pub variant: Option<&'static Variant>,
    /// Why it does.
    pub why: Vec<Evidence>,
    /// What must hold for it.
    pub conditions: Vec<Condition>,
    /// Packages to install on it, by their names in its release, each with the reason.
    pub packages: Vec<RuntimePackages>,
    /// Files to take from the stage that builds: certificates, time zones, accounts, the loader.
    pub files: Vec<ExtraFile>,
}

/// Packages of one manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimePackages {
    /// The manager.
    pub manager: Manager,
    /// The names, sorted.
    pub names: Vec<String>,
    /// Why.
    pub why: Vec<Evidence>,
}

/// A file that the runtime takes from the builder although no build made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraFile {
    /// Absolute in the builder; that of a folder ends with `/`.
    pub from: String,
    /// Absolute in the runtime.
    pub to: String,
    /// Why.
    pub why: Evidence,
}

/// The bases that could do, the boldest first. Those with a condition that is not met are left out
/// unless nothing else is left.
pub fn runtime_bases(
    site: &Site<'_>,
    programs: &[Program],
    artifacts: &Artifacts,
    needs: &Needs,
    system: &SystemPackages,
) -> Vec<RuntimeBase> {
    let _ = (site, programs, artifacts, needs, system);
    Vec::new()
}
