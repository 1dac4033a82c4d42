//! Who else relies on the image as it is: compose files, CI, devcontainers, other Dockerfiles.
//!
//! Read by lines, not by grammar: a neighbour that is overlooked costs more than one that is seen
//! twice, and most of these files are templates of something.

mod command;
mod compose;
mod text;

use super::application::Application;
use super::evidence::{Evidence, EvidenceSource};
use super::site::Site;
use crate::context::{Context, EntryKind};
use crate::source::Span;

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

/// How many files of a folder are looked at.
const FOLDER_LIMIT: usize = 40;

/// Everything in the context's repository, and every comment of the file, that relies on the stage.
pub fn neighbours(site: &Site<'_>) -> Vec<Neighbour> {
    let mut out = Vec::new();
    own_name(site, &mut out);
    comments(site, &mut out);
    if let Some(context) = site.context {
        let look = Look {
            site,
            context,
            name: own_path(site, context),
        };
        look.root(&mut out);
        look.folder(".github/workflows", &mut out);
        look.folder(".circleci", &mut out);
        look.devcontainers(&mut out);
    }
    out.dedup();
    out
}

struct Look<'l> {
    site: &'l Site<'l>,
    context: &'l Context,
    /// The Dockerfile's path in the context, as far as it lies in it.
    name: String,
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

/// Comments that speak of development in the running container.
fn comments(site: &Site<'_>, out: &mut Vec<Neighbour>) {
    const HINTS: [&str; 12] = [
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
        "development only",
    ];
    let text = site.file().source.text();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let lower = trimmed.to_ascii_lowercase();
        if trimmed.starts_with('#') && HINTS.iter().any(|hint| lower.contains(hint)) && !commented_out(trimmed) {
            let start = at + line.len() - trimmed.len();
            let span = Span::new(start, at + line.trim_end().len());
            out.push(Neighbour {
                says: "a comment speaks of development in the container".to_owned(),
                on: Relied::Other,
                evidence: Evidence::new(EvidenceSource::Comment(span), "development is spoken of"),
                breaks: false,
            });
        }
        at += line.len();
    }
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
    fn read(&self, path: &str) -> Option<String> {
        self.context.read_text(path)
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

    /// Files at the root of the context.
    fn root(&self, out: &mut Vec<Neighbour>) {
        let mut names: Vec<String> = Vec::new();
        for (name, kind) in self.context.tree().list("") {
            if !matches!(kind, EntryKind::File) {
                continue;
            }
            let lower = name.to_ascii_lowercase();
            let yaml = lower.ends_with(".yml") || lower.ends_with(".yaml");
            if yaml && (lower.contains("compose") || lower.starts_with("fig.")) {
                compose::compose(self, &name, out);
            } else if text::is_command_file(&lower) || yaml && lower.contains("ci") {
                text::commands(self, &name, out);
            } else if lower.contains("dockerfile") && name != self.name {
                names.push(name);
            }
        }
        self.siblings(&names, out);
    }

    fn folder(&self, folder: &str, out: &mut Vec<Neighbour>) {
        for (name, kind) in self.context.tree().list(folder).into_iter().take(FOLDER_LIMIT) {
            let lower = name.to_ascii_lowercase();
            if matches!(kind, EntryKind::File) && (lower.ends_with(".yml") || lower.ends_with(".yaml")) {
                text::commands(self, &format!("{folder}/{name}"), out);
            }
        }
    }

    fn devcontainers(&self, out: &mut Vec<Neighbour>) {
        for path in [".devcontainer/devcontainer.json", ".devcontainer.json"] {
            let Some(text) = self.read(path) else { continue };
            let file = self.name.rsplit('/').next().unwrap_or(&self.name);
            for (at, line) in text.lines().enumerate() {
                let lower = line.to_ascii_lowercase();
                let names = lower.contains("\"dockerfile\"") || lower.contains("\"build\"");
                let outside = line.contains("../") || path == ".devcontainer.json";
                if names && outside && line.contains(file) {
                    out.push(Neighbour {
                        says: format!("{path} develops in the image"),
                        on: Relied::Other,
                        evidence: self.evidence(path, at + 1, "it names this Dockerfile"),
                        breaks: true,
                    });
                }
            }
        }
    }

    /// Dockerfiles beside this one.
    fn siblings(&self, names: &[String], out: &mut Vec<Neighbour>) {
        for name in names {
            let lower = name.to_ascii_lowercase();
            let mut parts = lower.split(['.', '-', '_']);
            if parts.any(|part| matches!(part, "prod" | "production" | "release" | "deploy")) && self.is_plain() {
                out.push(Neighbour {
                    says: format!("{name} stands beside it, so this one may be for development"),
                    on: Relied::Other,
                    evidence: self.evidence(name, 1, "it is for production by its name"),
                    breaks: false,
                });
            }
        }
        if names.is_empty() {
            return;
        }
        // Without a name of its own nothing can be built on the image.
        let built = text::image_names(self);
        if built.is_empty() {
            return;
        }
        for name in names.iter().take(FOLDER_LIMIT) {
            let text = self.read(name).unwrap_or_default();
            for (at, line) in text.lines().enumerate() {
                let mut words = line.split_whitespace();
                if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
                    continue;
                }
                let image = words.find(|word| !word.starts_with("--")).unwrap_or_default();
                let bare = image.split([':', '@']).next().unwrap_or_default();
                if !bare.is_empty() && built.iter().any(|known| known == bare) {
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
