//! The Dockerfile that is verified, and what it is compared with: another file, or the planner's
//! own candidates.

use super::super::tree::FolderTree;
use super::Failure;
use crate::context::Context;
use crate::facts::Facts;
use crate::knowledge;
use crate::model::Dockerfile;
use crate::plan::{self, Level, Observed};
use crate::source::SourceFile;
use crate::verify::Rewrite;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A Dockerfile with its context.
pub struct Source {
    path: PathBuf,
    name: String,
    folder: PathBuf,
    context: Option<Context>,
    file: Dockerfile,
    against: Option<Rewrite>,
}

impl Source {
    /// Reads the file, and the one to compare it with.
    ///
    /// # Errors
    /// One cannot be read, or is no text.
    pub fn read(path: &Path, folder: &Path, against: Option<&Path>) -> Result<Source, Failure> {
        let text = read(path)?;
        let name = path.display().to_string();
        let relative = path.strip_prefix(folder).ok().map(|p| p.display().to_string());
        let context = FolderTree::open(folder)
            .map(|tree| Context::new(folder.display().to_string(), Arc::new(tree), relative.as_deref()));
        let against = against
            .map(|other| {
                let text = read(other)?;
                let tester = tester(&Dockerfile::parse(SourceFile::new("", text.as_bytes().to_vec())));
                Ok::<_, Failure>(Rewrite {
                    name: other.display().to_string(),
                    text,
                    announced: Vec::new(),
                    tester,
                })
            })
            .transpose()?;
        Ok(Source {
            file: Dockerfile::parse(SourceFile::new(name.clone(), text.into_bytes())),
            path: path.to_owned(),
            name,
            folder: folder.to_owned(),
            context,
            against,
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its path as the user wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.file.source.text()
    }

    /// The build context's folder.
    pub fn context(&self) -> &Path {
        &self.folder
    }

    /// See [`base_only`].
    pub fn base_only(&self) -> BTreeSet<String> {
        base_only(&self.file)
    }

    /// What to compare with, the boldest first.
    pub fn rewrites(&self, observed: &[Observed]) -> Vec<Rewrite> {
        if let Some(against) = &self.against {
            return vec![against.clone()];
        }
        let facts = Facts::new(&self.file, self.context.as_ref());
        let options = plan::Options {
            observed: observed.to_vec(),
            ..plan::Options::default()
        };
        let plan = plan::plan(&facts, &options);
        let candidates = plan.candidates.into_iter().map(|candidate| Rewrite {
            name: match &candidate.runtime {
                Some(runtime) => format!("{} on {}", level(candidate.level), runtime.reference),
                None => level(candidate.level).to_owned(),
            },
            tester: candidate
                .stages
                .iter()
                .find(|stage| stage.role == "tester")
                .map(|stage| stage.name.clone()),
            text: candidate.text,
            announced: candidate.effects,
        });
        candidates.collect()
    }
}

/// Variables by which a file's base image only describes itself or its build tools: those that only
/// builds read, and those whose value is a version.
pub fn base_only(file: &Dockerfile) -> BTreeSet<String> {
    let lowest = file.target().and_then(|stage| file.chain(stage).last());
    let Some(image) = lowest.and_then(|stage| stage.image.as_ref()) else {
        return BTreeSet::new();
    };
    let tag = image.tag.as_deref().unwrap_or_default();
    let Some(config) = knowledge::config(image.registry.as_deref(), &image.repository, tag) else {
        return BTreeSet::new();
    };
    let described = config.varying.iter().chain(config.build_env);
    described.map(|name| (*name).to_owned()).collect()
}

pub fn level(level: Level) -> &'static str {
    match level {
        Level::Order => "order and caches",
        Level::Slim => "the whole application",
        Level::Application => "the application and its dependencies",
        Level::Artifacts => "artifacts only",
    }
}

/// A stage that somebody named for its tests and that the target does not need.
pub fn tester(file: &Dockerfile) -> Option<String> {
    let names = ["tester", "test", "tests"];
    let stage = file.stages.iter().find(|stage| {
        let name = stage.name.as_deref().unwrap_or_default().to_ascii_lowercase();
        names.contains(&name.as_str()) && !file.is_last(stage)
    })?;
    stage.name.clone()
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{}: it is not UTF-8", path.display())))
}
