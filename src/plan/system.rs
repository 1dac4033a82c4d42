//! System packages of the old stage: which only builds need, and which run time needs.

use super::evidence::Evidence;
use super::need::Needs;
use super::program::Program;
use super::site::{Place, Site};
use crate::shell::Manager;

/// What a package is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// Only builds.
    Build,
    /// Run time, under these names (a library for the package with its headers).
    Runtime(Vec<String>),
    /// Not clear, and why; it is kept at run time.
    Unclear(String),
}

/// A system package that the stage installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemPackage {
    /// The package manager.
    pub manager: Manager,
    /// The name, as the file gives it.
    pub name: String,
    /// The command that installs it.
    pub place: Place,
    /// What it is for.
    pub use_: Use,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// All system packages of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemPackages {
    /// Those that the file names, in its order.
    pub found: Vec<SystemPackage>,
}

/// The stage's system packages.
pub fn system_packages(site: &Site<'_>, programs: &[Program], needs: &Needs) -> SystemPackages {
    let _ = (site, programs, needs);
    SystemPackages::default()
}
