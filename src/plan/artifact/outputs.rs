//! What the steps of a build make, as far as commands, manifests and tools' defaults tell.

use super::cmake::BuildTree;
use super::go_sources::GoSources;
use super::laid::{self, Laid};
use super::landing::{Landing, absolute};
use super::step::Step;
use super::{Alteration, ArtifactKind, cargo, cc, cmake, dotnet, go, java, moves, table};
use crate::knowledge::Libc;
use crate::knowledge::ecosystem::{self, Build, Ecosystem};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::site::{Place, Site};
use std::collections::HashMap;
use std::sync::Arc;

/// Something that a step makes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Absolute; a folder's ends with `/`; the last part may have a `*`.
    pub path: String,
    pub kind: ArtifactKind,
    pub place: Place,
    pub sources: Vec<Evidence>,
    pub ecosystem: &'static str,
    pub alter: Option<Alteration>,
    /// The Dockerfile's own command names it as the result.
    pub explicit: bool,
    /// What must hold for what is said of it.
    pub conditions: Vec<Condition>,
}

/// What is known so far.
pub struct Outputs<'a> {
    pub site: Site<'a>,
    pub landing: &'a Landing,
    pub list: Vec<Output>,
    pub conditions: Vec<Condition>,
    /// Configured CMake, Meson and autotools trees.
    pub trees: Vec<BuildTree>,
    /// What steps put into the stage besides.
    pub laid: Vec<Laid>,
    /// Modules of Go that the build itself sets up: folder of the image, the module's last element.
    pub modules: HashMap<String, String>,
}

impl<'a> Outputs<'a> {
    pub fn new(site: &Site<'a>, landing: &'a Landing) -> Self {
        Outputs {
            site: *site,
            landing,
            list: Vec::new(),
            conditions: Vec::new(),
            trees: Vec::new(),
            laid: Vec::new(),
            modules: HashMap::new(),
        }
    }

    /// Takes note of what a step makes.
    pub fn step(&mut self, step: &Step) {
        if step.followed {
            return;
        }
        if let Some(why) = &step.lost {
            laid::lost(self, step);
            self.conditions.push(Condition::unproven(
                "every command of the build is known",
                vec![step.evidence(why.clone())],
                "a build context that holds the file",
            ));
            return;
        }
        laid::step(self, step);
        if moves::step(self, step) {
            return;
        }
        if let Some(modules) = table::node_modules(step) {
            self.push(modules);
            return;
        }
        for known in ecosystem::all() {
            for build in known.builds {
                let Some(taken) = ecosystem::begins(build.command, &step.program, &step.words) else {
                    continue;
                };
                self.build(known, build, step, taken);
                return;
            }
        }
    }

    fn build(&mut self, ecosystem: &'static Ecosystem, build: &'static Build, step: &Step, taken: usize) {
        match build.code {
            Some("go") => go::step(self, ecosystem, step),
            Some("cargo") => cargo::step(self, ecosystem, step),
            Some("cc") => cc::step(self, ecosystem, build, step),
            Some("cmake") => cmake::step(self, ecosystem, step),
            Some("make") => cmake::make(self, ecosystem, step),
            Some("configure" | "meson") => cmake::configure(self, ecosystem, step),
            Some("maven") => java::maven(self, ecosystem, step),
            Some("gradle") => java::gradle(self, ecosystem, step),
            Some("javac") => java::javac(self, ecosystem, step),
            Some("jar") => java::jar(self, ecosystem, step),
            Some("dotnet") => dotnet::step(self, ecosystem, step),
            Some(_) => {}
            None => table::step(self, ecosystem, build, step, taken),
        }
    }

    pub fn push(&mut self, output: Output) {
        // A later build of the same file replaces the earlier.
        self.list.retain(|known| known.path != output.path);
        self.list.push(output);
    }

    /// The C library of the stage.
    pub fn libc(&self) -> Option<Libc> {
        self.site.base.map(|b| b.variant.libc)
    }

    /// The folder of the context whose files are in a folder of the image, or in the nearest one
    /// above it that holds `name`: context folder, image folder.
    pub fn project(&self, cwd: Option<&str>, name: &str) -> Option<(String, String)> {
        let context = self.site.context?;
        let mut folder = cwd?.trim_end_matches('/').to_owned();
        loop {
            let path = format!("{folder}/{name}");
            if let Some(found) = self.landing.existing(context, &path) {
                let parent = found.rsplit_once('/').map_or(String::new(), |(p, _)| p.to_owned());
                let image = if folder.is_empty() { "/".to_owned() } else { folder };
                return Some((parent, image));
            }
            let cut = folder.rfind('/')?;
            folder.truncate(cut);
        }
    }

    /// What the Go sources of a folder of the context show.
    pub fn go_sources(&self, folder: &str) -> Option<Arc<GoSources>> {
        let context = self.site.context?;
        Some(context.derived(folder.to_owned(), || GoSources::read(context, folder)))
    }

    /// Whether an absolute path is a folder, as far as WORKDIR, COPY and the system's layout tell.
    pub fn is_folder(&self, path: &str) -> bool {
        if path.ends_with('/') {
            return true;
        }
        let system = [
            "/bin",
            "/usr/bin",
            "/usr/local/bin",
            "/sbin",
            "/usr/sbin",
            "/usr/local/sbin",
            "/opt",
            "/tmp",
            "/root",
            "/",
        ];
        if system.contains(&path) || self.landing.trees().any(|(image, _)| image == path) {
            return true;
        }
        let file = self.site.file();
        let is_workdir = self.site.instructions().any(|i| {
            file.settings_at(i.index + 1)
                .workdir
                .is_some_and(|w| w.value.as_deref() == Some(path))
        });
        is_workdir
            || self.site.context.is_some_and(|context| {
                let found = self.landing.existing(context, path);
                found.is_some_and(|p| context.kind(&p) == Some(crate::context::EntryKind::Dir))
            })
    }
}

/// `name` in the folder that a step runs in.
pub fn in_cwd(step: &Step, name: &str) -> Option<String> {
    absolute(step.cwd.as_deref(), name)
}
