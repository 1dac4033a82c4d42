//! What the build makes, found by evidence: what the command says, what CMD names, what manifests
//! say, what tools do by default.

mod cargo;
mod cc;
mod cmake;
mod dotnet;
mod follow;
mod go;
mod go_sources;
mod install;
mod java;
mod laid;
mod landing;
mod linkage;
mod matching;
mod moves;
mod outputs;
mod step;
mod table;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use cargo::program_names as cargo_programs;
pub use laid::{Laid, Way, is_shared};
pub use landing::{Landing, absolute};
pub use linkage::library as headers_of;
pub use moves::fits;
pub use step::{Step, Walker};

use super::evidence::{Condition, Evidence};
use super::program::Program;
use super::site::{Place, Site};
use crate::edit::Edit;
use outputs::Outputs;

/// Something that the build makes and run time needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Absolute in the stage that builds it; that of a folder ends with `/`. It may hold one `*` in
    /// its last part where only the build knows the name.
    pub path: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// The command that makes it; none where it is copied from the context as it is.
    pub made_by: Option<Place>,
    /// What shows path and kind. Two that agree are wanted for [`super::Level::Artifacts`].
    pub sources: Vec<Evidence>,
    /// The ecosystem that it belongs to: `go`, `rust`, `c`.
    pub ecosystem: &'static str,
    /// A change of the build that it needs, to be announced.
    pub alter: Option<Alteration>,
}

/// What an artifact is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactKind {
    /// A program or shared library of machine code.
    Binary {
        /// How it is linked.
        linkage: Linkage,
        /// What holds the shared libraries beyond the C library: Debian's packages with their headers,
        /// packages as they are called, or sonames.
        needs: Vec<String>,
    },
    /// A Java archive that `java -jar` or a class path takes.
    Jar,
    /// A folder of whatever kind.
    Tree,
    /// A folder of files that a web server sends.
    Site,
    /// .NET's published folder.
    Assembly,
}

/// How a binary is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// It needs no loader.
    Static,
    /// Against GNU's C library.
    DynamicGlibc,
    /// Against musl.
    DynamicMusl,
    /// Not known.
    Unknown,
}

/// A change to the file's build commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alteration {
    /// Edits of the original text, inside the instruction that makes the artifact.
    pub edits: Vec<Edit>,
    /// What is announced: "the binary is built with CGO_ENABLED=0, which go.mod shows it can".
    pub says: String,
    /// What the artifact is once it is made.
    pub kind: ArtifactKind,
    /// What it rests on; unmet or unproven ones make the rewrite unsafe.
    pub conditions: Vec<Condition>,
}

/// All artifacts of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artifacts {
    /// Those that were found.
    pub found: Vec<Artifact>,
    /// What must hold for taking only them: that the build's outputs are known, that CMD names one.
    pub conditions: Vec<Condition>,
    /// What the steps of the build put into the stage besides.
    pub laid: Vec<Laid>,
}

/// Everything that the stage's build makes, whether something starts it or not.
pub fn everything(site: &Site<'_>) -> Vec<Artifact> {
    let mut walker = Walker::new(site);
    let steps = walker.build();
    let mut outputs = Outputs::new(site, &walker.landing);
    for step in &steps {
        outputs.step(step);
    }
    let made = outputs.list.into_iter().filter(|o| !o.path.contains('*'));
    made.map(|output| matching::artifact(site, output)).collect()
}

/// What the stage's build makes.
pub fn artifacts(site: &Site<'_>, programs: &[Program]) -> Artifacts {
    let mut walker = Walker::new(site);
    let steps = walker.build();
    let mut outputs = Outputs::new(site, &walker.landing);
    for step in &steps {
        outputs.step(step);
    }
    matching::conclude(site, &walker.landing, programs, &steps, outputs)
}
