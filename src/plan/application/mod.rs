//! What an interpreted program is made of at run time: the application's own folders, and where its
//! dependencies were installed.
//!
//! Each language has a room that says of a command what it is to the application: an install that
//! fills a folder, or something that any image with the language can run. What no room knows stays
//! where it can do no harm: in the builder where it needs its tools, in the stage that runs else.

mod python;
mod steps;

pub use steps::{Goes, Step};

use super::artifact::{Artifact, ArtifactKind};
use super::evidence::{Condition, Evidence};
use super::program::{Program, What};
use super::site::{Place, Site};

/// What an interpreted program is made of at run time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Application {
    /// Names of the ecosystems whose rooms found something, the one that is started first.
    pub ecosystems: Vec<&'static str>,
    /// What each piece of a RUN is to the application, in the order of the text; a piece that no room
    /// knows is not among them.
    pub steps: Vec<Step>,
    /// Folders (ending in `/`) and files, absolute, that installs fill, inside of the application's
    /// folders or outside of them.
    pub prefixes: Vec<Part>,
    /// What the builder does at its end so that only what run time needs is left.
    pub trims: Vec<Trim>,
    /// Packages of the language, as far as manifests tell.
    pub packages: Vec<Package>,
    /// Libraries that packages with native code need at run time: as the linker calls them, or
    /// packages of the distribution.
    pub native: Vec<(String, Evidence)>,
    /// Programs that packages start at run time.
    pub programs: Vec<(String, Evidence)>,
    /// What must hold.
    pub conditions: Vec<Condition>,
}

/// A folder or file that comes from the builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Absolute; that of a folder ends with `/`.
    pub path: String,
    /// The command that fills it.
    pub made_by: Place,
    /// The ecosystem that it belongs to.
    pub ecosystem: &'static str,
    /// What shows it.
    pub evidence: Evidence,
}

/// A command behind the builder's last that leaves only what run time needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The command.
    pub command: String,
    /// What it leaves out, for people.
    pub says: String,
    /// What must hold for it.
    pub conditions: Vec<Condition>,
}

/// A package of the language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name, as its index writes it.
    pub name: String,
    /// Run time needs it; none where that is not known.
    pub needed: Option<bool>,
    /// What shows it.
    pub evidence: Evidence,
}

impl Application {
    /// What a piece is to the application.
    pub fn step(&self, place: Place) -> Option<&Step> {
        self.steps.iter().find(|s| s.place == place)
    }

    /// The prefixes as the rooms behind see what a build makes.
    pub fn as_artifacts(&self) -> Vec<Artifact> {
        self.prefixes
            .iter()
            .map(|part| Artifact {
                path: part.path.clone(),
                kind: ArtifactKind::Tree,
                made_by: Some(part.made_by),
                sources: vec![part.evidence.clone()],
                ecosystem: part.ecosystem,
                alter: None,
            })
            .collect()
    }

    fn part(&mut self, part: Part) {
        if !self.prefixes.iter().any(|p| p.path == part.path) {
            self.prefixes.push(part);
        }
    }
}

/// What the stage's interpreted program is made of; none where nothing interpreted is started, or
/// its base is not known to have the language.
pub fn application(site: &Site<'_>, programs: &[Program]) -> Option<Application> {
    let mut out = Application::default();
    let family = site.base.map(|b| b.image.family)?;
    let interpreted = programs.iter().any(|p| match &p.what {
        What::Interpreter { program, .. } => !matches!(program.as_str(), "java" | "dotnet" | "mono"),
        What::FromPath { .. } | What::File { .. } | What::Unknown(_) => true,
        _ => false,
    });
    if !interpreted {
        return None;
    }
    match family {
        "python" => out.ecosystems.push("python"),
        _ => return None,
    }
    steps::steps(site, programs, &mut out);
    if out.steps.iter().all(|s| s.goes != Goes::Builder) {
        return None;
    }
    Some(out)
}
