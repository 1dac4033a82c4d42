//! What an interpreted program is made of at run time: the application's own folders, and where its
//! dependencies were installed.
//!
//! Each language has a room that says of a command what it is to the application: an install that
//! fills a folder, or something that any image with the language can run. What no room knows stays
//! where it can do no harm: in the builder where it needs its tools, in the stage that runs else.

mod groups;
mod native;
mod node;
mod packages;
mod perl;
mod php;
mod python;
mod ruby;
mod steps;
mod wanted;

pub use steps::{Goes, Step};
pub use wanted::{Wanted, wanted};

use super::Reason;
use super::artifact::{Alteration, Artifact, ArtifactKind};
use super::evidence::{Condition, Evidence};
use super::need::Need;
use super::program::{Program, What, entries};
use super::reach::Language;
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
    /// What can stay behind besides; none where nothing is known that can.
    pub lean: Option<Box<Lean>>,
    /// About what else the builder keeps to itself, in bytes: caches of package managers.
    pub leaves: u64,
    /// What an install puts to a folder of its own in the builder, to be copied elsewhere.
    pub staged: Option<Staged>,
    /// Packages of the language, as far as manifests tell.
    pub packages: Vec<Package>,
    /// Names of commands that those packages, or the project itself, bring.
    pub scripts: Vec<String>,
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

/// What of an application run time does not need, for [`Level::Application`](super::Level).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lean {
    /// What the builder does at its end so that only what run time needs is left.
    pub trims: Vec<Trim>,
    /// Prefixes that are filled with less, and how.
    pub altered: Vec<(String, Alteration)>,
    /// Prefixes that only the build needs.
    pub left: Vec<String>,
    /// Artifacts of which only a part is needed: theirs, and the part's path.
    pub narrowed: Vec<(String, String)>,
    /// Copies of sources that only the build needs; indices of instructions.
    pub idle: Vec<usize>,
    /// Files of those that run time needs all the same.
    pub files: Vec<Need>,
    /// Packages of the language, as far as manifests tell.
    pub packages: Vec<Package>,
    /// What must hold.
    pub conditions: Vec<Condition>,
    /// What the user is told of all but the trims.
    pub announces: Vec<String>,
    /// About how much it is without the trims, in bytes.
    pub leaves: u64,
}

/// An install that is told to fill a folder of its own, so that nothing but what it installs is
/// copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The folder in the builder, ending in `/`.
    pub from: String,
    /// Where it is copied to, ending in `/`.
    pub to: String,
    /// The change of the command.
    pub alter: Alteration,
}

/// A command behind the builder's last that leaves only what run time needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The command.
    pub command: String,
    /// Where it runs, absolute, without a `/` at its end; empty for the root.
    pub folder: String,
    /// What it changes there, relative to the folder.
    pub touches: Vec<&'static str>,
    /// What the user is told.
    pub announces: Vec<String>,
    /// About how much it removes, in bytes.
    pub leaves: u64,
}

impl Lean {
    /// What the user is told.
    pub fn all_announces(&self) -> impl Iterator<Item = &String> {
        self.announces
            .iter()
            .chain(self.trims.iter().flat_map(|trim| &trim.announces))
    }

    /// About how much stays behind, in bytes.
    pub fn all_leaves(&self) -> u64 {
        self.leaves + self.trims.iter().map(|trim| trim.leaves).sum::<u64>()
    }
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
        let staged = |part: &Part| self.staged.as_ref().filter(|s| s.to == part.path);
        let artifact = |part: &Part| Artifact {
            path: staged(part).map_or(&part.path, |s| &s.from).clone(),
            kind: ArtifactKind::Tree,
            made_by: Some(part.made_by),
            sources: vec![part.evidence.clone()],
            ecosystem: part.ecosystem,
            alter: staged(part).map(|s| s.alter.clone()),
        };
        self.prefixes.iter().map(artifact).collect()
    }

    /// Where a folder of the builder is copied to.
    pub fn destination<'a>(&'a self, path: &'a str) -> &'a str {
        match &self.staged {
            Some(staged) if staged.from == path => &staged.to,
            _ => path,
        }
    }

    /// Whether a command is one that an installed package, or the project, is known to bring; false
    /// where only the build can tell. None where nothing was installed that could.
    pub fn brings(&self, name: &str) -> Option<bool> {
        let folder = |p: &Part| p.path.ends_with('/') && !p.path.ends_with("/node_modules/");
        let any = self.prefixes.iter().any(folder);
        any.then(|| self.scripts.iter().any(|s| s == name))
    }

    fn part(&mut self, part: Part) {
        if !self.prefixes.iter().any(|p| p.path == part.path) {
            self.prefixes.push(part);
        }
    }
}

/// Why an environment that is no folder of a language's cannot be taken apart; none where there is none.
pub fn refusal(site: &Site<'_>) -> Option<Reason> {
    let conda = site.instructions().find_map(|i| {
        let mut commands = site.facts.commands(i);
        commands
            .find(|v| matches!(v.name(), "conda" | "mamba" | "micromamba"))
            .map(|v| v.command.span)
    })?;
    Some(Reason {
        says: "conda's environment holds interpreter, libraries and programs together: it is needed as a whole at run \
               time"
            .to_owned(),
        evidence: vec![Evidence::command(conda, "conda works here")],
    })
}

/// Installs that only the tests use, with what shows it.
pub fn tested(site: &Site<'_>, programs: &[Program]) -> Vec<(Place, Evidence)> {
    match site.base.map(|b| b.image.family) {
        Some("python") => python::tested(site, programs),
        _ => Vec::new(),
    }
}

/// What the stage's interpreted program is made of, where its build makes what is `made`; none where
/// nothing interpreted is started, or its base is not known to have the language.
pub fn application(site: &Site<'_>, programs: &[Program], made: &[Artifact]) -> Option<Application> {
    let mut out = Application::default();
    let family = site.base.map(|b| b.image.family)?;
    let interpreted = programs.iter().any(|p| match &p.what {
        What::Interpreter { program, .. } => !matches!(program.as_str(), "java" | "dotnet" | "mono"),
        What::FromPath { .. } | What::File { .. } | What::Unknown(_) => true,
        What::CompilesAtStart { tool } => super::refusal::keeps_inputs(tool),
        _ => false,
    });
    if !interpreted {
        return None;
    }
    out.ecosystems.extend(match family {
        "python" => Some("python"),
        "node" => Some("node"),
        "ruby" => Some("ruby"),
        "php" => Some("php"),
        "perl" => Some("perl"),
        _ => None,
    });
    // What a distribution installs of a language is run like any of its packages.
    if out.ecosystems.is_empty() && !matches!(family, "debian" | "ubuntu" | "alpine") {
        return None;
    }
    // Where Node only built, what it made is all there is.
    let node = || {
        let begins = entries(site, programs).remove(&Language::JavaScript);
        begins.is_some_and(|e| !e.files.is_empty() || !e.unseen.is_empty() || !e.packages.is_empty())
    };
    if out.ecosystems == ["node"] && !made.is_empty() && site.context.is_some() && !node() {
        return None;
    }
    steps::steps(site, programs, made, &mut out);
    if out.steps.iter().all(|s| s.goes != Goes::Builder) {
        return None;
    }
    groups::groups(site, programs, &mut out);
    let mut named: Vec<&'static str> = out.prefixes.iter().map(|p| p.ecosystem).collect();
    named.retain(|name| !out.ecosystems.contains(name));
    named.dedup();
    out.ecosystems.extend(named);
    Some(out)
}
