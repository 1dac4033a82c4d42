//! What commands do: packages installed, files fetched, programs built, tests run, leftovers
//! removed. Everything is read from static tables (`managers`, `tools`) and the words of one
//! command; what a variable holds is not known here.

mod files;
mod managers;
mod packages;
mod tools;

pub use files::{Clean, Download, Extract, GitClone, MakeLink, Permissions, UserAdd};
pub use managers::Manager;
pub use packages::{Action, Package, Packages, Requirement, Selection};
pub use tools::{Build, BuildTool, Test};

use super::{Command, ShellWord};
use crate::source::Span;

/// One thing that a command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A package manager's work.
    Packages(Packages),
    /// Fetches files by URL.
    Download(Download),
    /// Unpacks an archive.
    Extract(Extract),
    /// Clones a repository.
    GitClone(GitClone),
    /// Compiles, links, bundles.
    Build(Build),
    /// Runs tests.
    Test(Test),
    /// Removes files.
    Clean(Clean),
    /// `chown`, `chmod`, `chgrp`.
    Permissions(Permissions),
    /// `useradd`, `adduser`.
    UserAdd(UserAdd),
    /// `cd`, `pushd`: where to, if it says.
    ChangeDirectory {
        /// The directory.
        to: Option<ShellWord>,
    },
    /// `ln`.
    Link(MakeLink),
}

/// A flag as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagUse {
    /// The flag, `=value` cut off: `--no-cache`, `-y`. A cluster (`-qy`) is listed letter by letter.
    pub name: String,
    /// Its value, where it takes one.
    pub value: Option<String>,
    /// The word that holds it.
    pub span: Span,
}

/// What one command does; most do one thing or nothing that is known.
pub fn operations(command: &Command) -> Vec<Operation> {
    let mut found = Vec::new();
    collect(command, |operation| found.push(operation));
    found
}

/// Like [`operations`], without the list.
pub(super) fn collect(command: &Command, mut found: impl FnMut(Operation)) {
    if command.name.text.is_empty() {
        return;
    }
    let effective = command.effective();
    let program = effective.base_name();
    if let Some(operation) = files::read(program, effective.words, command) {
        found(operation);
        return;
    }
    if let Some(packages) = packages::read(program, effective.words, command) {
        found(Operation::Packages(packages));
    }
    tools::read(program, effective.words, found);
}
