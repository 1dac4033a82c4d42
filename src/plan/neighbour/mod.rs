//! Who else relies on the image as it is: compose files, CI, clusters, devcontainers, other Dockerfiles;
//! from the context's folder up to the repository's root.
//!
//! Read by lines, not by grammar: a neighbour that is overlooked costs more than one that is seen
//! twice, and most of these files are templates of something.

mod cluster;
mod command;
mod compose;
mod text;

use super::application::Application;
use super::evidence::{Evidence, EvidenceSource};
use super::site::Site;
use crate::context::Context;
use crate::context::repository::{self, Build, Speaker, Speaks, builds, parent};
use crate::context::sources::join;
use crate::shell::Operation;
use crate::source::Span;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something that relies on the old stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// What it relies on, a sentence without a final full stop: "docker-compose.yml runs
    /// `npm test` in the image".
    pub says: String,
    /// What of the image.
    pub on: Relied,
    /// Where.
    pub evidence: Evidence,
    /// A rewrite would break it for certain; else it may.
    pub breaks: bool,
}

/// What of the image somebody relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relied {
    /// That a command can be run in it.
    Command(Vec<String>),
    /// A folder, which is covered by a mount.
    Folder(String),
    /// Something else.
    Other,
}

impl Neighbour {
    /// Whether an interpreted program's new image serves it as the old one did: it runs the language,
    /// or a command of an installed package, or covers folders in which nothing was installed.
    pub fn is_served_by(&self, application: &Application) -> bool {
        match &self.on {
            Relied::Command(words) => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let words = command::strip(&words);
                let name = words.first().map_or("", |w| w.rsplit('/').next().unwrap_or(w));
                let language = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                application.ecosystems.contains(&language) || application.brings(name) == Some(true)
            }
            Relied::Folder(folder) => {
                let inside = format!("{}/", folder.trim_end_matches('/'));
                !application.prefixes.iter().any(|p| p.path.starts_with(&inside))
            }
            Relied::Other => false,
        }
    }
}

/// So many are told of one file.
const MOST_OF_A_FILE: usize = 4;

/// Everything in the context's repository, and every comment of the file, that relies on the stage.
pub fn neighbours(site: &Site<'_>) -> Vec<Neighbour> {
    let mut out = Vec::new();
    own_name(site, &mut out);
    comments(site, &mut out);
    // Also where the folder is not the one that the file is built with: who speaks of it may be right.
    if let Some(context) = site.facts.context() {
        let look = Look::of(site, context);
        look.targets(&mut out);
        for speaker in look.speakers.iter() {
            let from = out.len();
            match speaker.speaks {
                Speaks::Compose => compose::compose(&look, &speaker.path, &mut out),
                Speaks::Commands => text::commands(&look, &speaker.path, &mut out),
                Speaks::Kubernetes => cluster::objects(&look, &speaker.path, &mut out),
                Speaks::Devcontainer | Speaks::Dockerfile => {}
            }
            // What breaks counts before what may.
            if let Some(new) = out.get_mut(from..) {
                new.sort_by_key(|neighbour| !neighbour.breaks);
            }
            out.truncate(out.len().min(from + MOST_OF_A_FILE));
        }
        look.siblings(&mut out);
        look.devcontainers(&mut out);
    }
    out.dedup();
    out
}

struct Look<'l> {
    site: &'l Site<'l>,
    /// The repository's files; where none is known, the context's.
    files: &'l Context,
    /// Those of them that may speak of the image.
    speakers: Arc<Vec<Speaker>>,
    /// The context's folder there.
    folder: String,
    /// The Dockerfile's path there.
    name: String,
    /// Where it is built.
    builds: Vec<Build>,
    /// What its image is called.
    names: BTreeSet<String>,
}

impl<'l> Look<'l> {
    fn of(site: &'l Site<'l>, context: &'l Context) -> Self {
        let (files, folder, name) = match context.repository() {
            Some((repository, folder)) => {
                let name = repository.path_of(site.file().source.name());
                let name = name.filter(|name| repository.files().exists(name));
                (
                    repository.files(),
                    folder,
                    name.unwrap_or_else(|| join(folder, &own_path(site, context))),
                )
            }
            None => (context, "", own_path(site, context)),
        };
        let mut speakers = repository::speakers(files, parent(&name).unwrap_or_default());
        if !repository::is_below(&name, folder) {
            let more = repository::speakers(files, folder);
            let mut all = (*speakers).clone();
            all.extend(more.iter().filter(|s| !speakers.contains(s)).cloned());
            speakers = Arc::new(all);
        }
        let near = |by: &str| {
            let above = parent(by).unwrap_or_default();
            above == folder || Some(above) == parent(&name)
        };
        let said = speakers
            .iter()
            .flat_map(|speaker| builds::said(files, speaker).to_vec());
        // What names its Dockerfile by a variable may mean this one, where it lies beside it.
        let own = said.filter(|b| b.dockerfile == name || b.dockerfile.is_empty() && near(&b.by));
        let builds: Vec<Build> = own.collect();
        let names = builds.iter().flat_map(|build| build.names.iter().cloned()).collect();
        Look {
            site,
            files,
            folder: folder.to_owned(),
            speakers,
            name,
            builds,
            names,
        }
    }

    /// Whether an image's name, with or without a tag, is this one's.
    fn is_ours(&self, image: &str) -> bool {
        self.names.contains(builds::bare(image))
    }
}

/// The Dockerfile's path relative to the context.
fn own_path(site: &Site<'_>, context: &Context) -> String {
    let name = site.file().source.name().trim_start_matches("./");
    let root = context.name().trim_start_matches("./").trim_end_matches('/');
    let inside = name.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
    let path = inside.filter(|_| !root.is_empty() && root != ".").unwrap_or(name);
    if context.exists(path) {
        return path.to_owned();
    }
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// A Dockerfile that is named after what it is for: `Dockerfile.dev`, `test.Dockerfile`.
fn own_name(site: &Site<'_>, out: &mut Vec<Neighbour>) {
    let name = site.file().source.name();
    let file = name.rsplit('/').next().unwrap_or(name);
    if let Some(word) = purpose(file) {
        out.push(Neighbour {
            says: format!("the file's name says that it is for `{word}`"),
            on: Relied::Other,
            evidence: Evidence::new(
                EvidenceSource::SourceFile {
                    path: file.to_owned(),
                    line: None,
                },
                "its name",
            ),
            breaks: true,
        });
    }
}

/// What a Dockerfile's name says that it is for, where that is not to run.
fn purpose(file: &str) -> Option<&'static str> {
    const WORDS: [&str; 8] = [
        "dev",
        "devel",
        "development",
        "local",
        "test",
        "tests",
        "ci",
        "devcontainer",
    ];
    let lower = file.to_ascii_lowercase();
    if !lower.contains("dockerfile") && !lower.contains("containerfile") {
        return None;
    }
    let mut parts = lower.split(['.', '-', '_']);
    parts.find_map(|part| WORDS.iter().find(|word| **word == part).copied())
}

/// Comments that speak of development in the running container, or of what it needs there.
fn comments(site: &Site<'_>, out: &mut Vec<Neighbour>) {
    const DEVELOPMENT: [&str; 13] = [
        "for local dev",
        "for development",
        "local development",
        "for dev only",
        "dev purposes",
        "hot reload",
        "hot-reload",
        "live reload",
        "nodemon",
        "for debugging",
        "attach a debugger",
        "the debugger",
        "development only",
    ];
    let text = site.file().source.text();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let start = at + line.len() - trimmed.len();
        at += line.len();
        if !trimmed.starts_with('#') || commented_out(trimmed) {
            continue;
        }
        let lower = trimmed.to_ascii_lowercase();
        let (says, shows) = if DEVELOPMENT.iter().any(|hint| lower.contains(hint)) {
            (
                "a comment speaks of development in the container",
                "development is spoken of",
            )
        } else if needs_tools(site, &lower) {
            (
                "a comment says that the container needs tools",
                "what run time needs is spoken of",
            )
        } else {
            continue;
        };
        let span = Span::new(start, start + trimmed.trim_end().len());
        out.push(Neighbour {
            says: says.to_owned(),
            on: Relied::Other,
            evidence: Evidence::new(EvidenceSource::Comment(span), shows),
            breaks: false,
        });
    }
}

/// Whether a comment says that sources, or programs that the file installs, are needed at run time.
/// Libraries are followed by themselves.
fn needs_tools(site: &Site<'_>, comment: &str) -> bool {
    const AT_RUN_TIME: [&str; 5] = [
        "at runtime",
        "at run time",
        "at run-time",
        "during runtime",
        "in production",
    ];
    if !AT_RUN_TIME.iter().any(|hint| comment.contains(hint)) {
        return false;
    }
    let words: Vec<&str> = comment
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '.')))
        .map(|word| word.trim_end_matches('.'))
        .collect();
    if words
        .iter()
        .any(|word| matches!(*word, "sources" | "compiler" | "toolchain" | "sdk"))
    {
        return true;
    }
    site.instructions()
        .filter_map(|instruction| site.facts.run(instruction))
        .flat_map(|run| run.operations())
        .any(|operation| match operation {
            Operation::Packages(p) if p.manager.is_system() && p.installs() => {
                let named = |name: &str| !name.starts_with("lib") && words.contains(&name);
                p.packages.iter().any(|package| named(&package.name))
            }
            _ => false,
        })
}

/// Whether a comment is an instruction that is switched off.
fn commented_out(line: &str) -> bool {
    let word = line
        .trim_start_matches('#')
        .split_whitespace()
        .next()
        .unwrap_or_default();
    crate::model::Keyword::names().any(|name| name == word)
}

impl Look<'_> {
    fn read(&self, path: &str) -> Option<Arc<str>> {
        self.files.text(path)
    }

    fn evidence(&self, path: &str, line: usize, says: impl Into<String>) -> Evidence {
        Evidence::new(
            EvidenceSource::SourceFile {
                path: path.to_owned(),
                line: Some(line),
            },
            says,
        )
    }

    /// Who builds the stage by its name.
    fn targets(&self, out: &mut Vec<Neighbour>) {
        let Some(own) = self.site.stage.name.as_deref() else {
            return;
        };
        for build in &self.builds {
            if let Some((target, line)) = &build.target
                && target.eq_ignore_ascii_case(own)
            {
                out.push(Neighbour {
                    says: format!("{} builds the stage `{own}` by its name", build.by),
                    on: Relied::Other,
                    evidence: self.evidence(&build.by, *line, format!("target: {target}")),
                    breaks: true,
                });
            }
        }
    }

    fn devcontainers(&self, out: &mut Vec<Neighbour>) {
        for build in &self.builds {
            if build.by.ends_with("devcontainer.json") {
                out.push(Neighbour {
                    says: format!("{} develops in the image", build.by),
                    on: Relied::Other,
                    evidence: self.evidence(&build.by, build.line, "it names this Dockerfile"),
                    breaks: true,
                });
            }
        }
    }

    /// Dockerfiles beside this one, and those that are built on its image.
    fn siblings(&self, out: &mut Vec<Neighbour>) {
        let others = self
            .speakers
            .iter()
            .filter(|s| s.speaks == Speaks::Dockerfile && s.path != self.name);
        for other in others {
            let name = &other.path;
            let lower = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
            let above = parent(name);
            let beside = above == parent(&self.name) || above == Some(self.folder.as_str());
            let mut parts = lower.split(['.', '-', '_']);
            let production = parts.any(|part| matches!(part, "prod" | "production" | "release" | "deploy"));
            if production && beside && self.is_plain() {
                out.push(Neighbour {
                    says: format!("{name} stands beside it, so this one may be for development"),
                    on: Relied::Other,
                    evidence: self.evidence(name, 1, "it is for production by its name"),
                    breaks: false,
                });
            }
            // Without a name of its own nothing can be built on the image.
            if self.names.is_empty() {
                continue;
            }
            let text = self.read(name).unwrap_or_default();
            for (at, line) in text.lines().enumerate() {
                let mut words = line.split_whitespace();
                if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
                    continue;
                }
                let image = words.find(|word| !word.starts_with("--")).unwrap_or_default();
                if !image.is_empty() && self.is_ours(image) {
                    out.push(Neighbour {
                        says: format!("{name} is built on the image"),
                        on: Relied::Other,
                        evidence: self.evidence(name, at + 1, format!("FROM {image}")),
                        breaks: true,
                    });
                }
            }
        }
    }

    /// Whether the file has the name that stands for no purpose.
    fn is_plain(&self) -> bool {
        let file = self.name.rsplit('/').next().unwrap_or(&self.name);
        file.eq_ignore_ascii_case("dockerfile")
    }
}

#[cfg(test)]
mod tests;
