//! What each instruction, and each top-level piece of a RUN, is for.

use super::Evidence;
use super::site::Place;
use crate::source::Span;

/// What something is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Installs, updates or removes packages of the distribution.
    SystemPackages,
    /// Installs the dependencies of the project.
    Dependencies {
        /// Whether those for development come along; none where nothing says so.
        dev: Option<bool>,
    },
    /// Copies only what an install reads: manifests and lock files.
    Manifests,
    /// Copies sources, and whatever else of the context.
    SourceCopy,
    /// Compiles, links, bundles, generates.
    Build,
    /// Runs tests or checks.
    Test,
    /// Removes what a build or an install left.
    Cleanup,
    /// Prepares what runs: accounts, folders, permissions, configuration of the system.
    RuntimeSetup,
    /// Settings of the image and of the build: ENV, ARG, LABEL, USER, WORKDIR, CMD and their like.
    Metadata,
    /// Fetches or installs a tool from outside the distribution.
    Tool,
    /// Moves about or sets variables of the shell only.
    Shell,
    /// Not known.
    Unknown,
}

/// The role of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleOf {
    /// The instruction, or the piece of a RUN.
    pub place: Place,
    /// Its text.
    pub span: Span,
    /// What it is for.
    pub role: Role,
    /// What shows it.
    pub why: Evidence,
}
