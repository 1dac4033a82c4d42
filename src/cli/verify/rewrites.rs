//! The Dockerfile that is verified, and what it is compared with: another file, or the planner's
//! own candidates.

use super::Failure;
use super::place::Place;
use crate::config;
use crate::knowledge;
use crate::model::Dockerfile;
use crate::plan::{Candidate, Level, Observed, Plan, Verdict};
use crate::report::plan::{applicability_name, level_name};
use crate::source::SourceFile;
use crate::verify::{Planned, Rewrite};
use std::collections::BTreeSet;
use std::path::Path;

/// Plans a text, with what builds taught.
pub type Planner<'p> = dyn Fn(SourceFile, &[Observed]) -> Plan + 'p;

/// A Dockerfile with its planner.
pub struct Source<'p> {
    place: Place,
    name: String,
    file: Dockerfile,
    settings: config::Verify,
    against: Option<Rewrite>,
    plan: Box<Planner<'p>>,
}

impl<'p> Source<'p> {
    /// Reads the file, and the one to compare it with.
    ///
    /// # Errors
    /// One cannot be read, or is no text.
    pub fn read(
        place: &Place,
        against: Option<&Path>,
        settings: config::Verify,
        plan: Box<Planner<'p>>,
    ) -> Result<Source<'p>, Failure> {
        let text = read(&place.file)?;
        let name = place.file.display().to_string();
        let against = against
            .map(|other| {
                let text = read(other)?;
                let tester = tester(&Dockerfile::parse(SourceFile::new("", text.as_bytes().to_vec())));
                Ok::<_, Failure>(Rewrite {
                    name: other.display().to_string(),
                    text,
                    announced: Vec::new(),
                    tester,
                    planned: None,
                })
            })
            .transpose()?;
        Ok(Source {
            file: Dockerfile::parse(SourceFile::new(name.clone(), text.into_bytes())),
            place: place.clone(),
            name,
            settings,
            against,
            plan,
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.place.file
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
        &self.place.context
    }

    /// What the settings say on verification.
    pub fn settings(&self) -> &config::Verify {
        &self.settings
    }

    /// See [`base_only`].
    pub fn base_only(&self) -> BTreeSet<String> {
        base_only(&self.file)
    }

    fn planned(&self, observed: &[Observed]) -> Plan {
        (self.plan)(self.file.source.clone(), observed)
    }

    /// What to compare with, the boldest first.
    pub fn rewrites(&self, observed: &[Observed]) -> Vec<Rewrite> {
        if let Some(against) = &self.against {
            return vec![against.clone()];
        }
        let candidates = self.planned(observed).candidates.into_iter().map(|candidate| Rewrite {
            name: name_of(&candidate),
            tester: candidate
                .stages
                .iter()
                .find(|stage| stage.role == "tester")
                .map(|stage| stage.name.clone()),
            planned: Some(planned(&candidate)),
            text: candidate.text,
            announced: candidate.effects,
        });
        candidates.collect()
    }

    /// What it is written in: what is built belongs there; else what its base image is called.
    pub fn ecosystems(&self) -> Vec<String> {
        let artifacts = self.planned(&[]).artifacts;
        let mut found: BTreeSet<String> = artifacts.iter().map(|made| made.ecosystem.to_owned()).collect();
        found.remove("");
        if found.is_empty() {
            let lowest = self.file.target().and_then(|stage| self.file.chain(stage).last());
            let image = lowest.and_then(|stage| stage.image.as_ref());
            let name = image.and_then(|image| image.repository.rsplit('/').next());
            // Its image has another name than the language everywhere else.
            let name = name.map(|name| if name == "golang" { "go" } else { name });
            found.extend(name.map(str::to_owned));
        }
        found.into_iter().collect()
    }

    /// Why there is nothing to compare with.
    pub fn why_not(&self) -> String {
        match self.planned(&[]).verdict {
            Verdict::LeftAlone(reasons) if !reasons.is_empty() => {
                let says: Vec<String> = reasons.into_iter().map(|reason| reason.says).collect();
                format!("the planner leaves it alone: {}", says.join("; "))
            }
            _ => "there is no rewrite to compare with".to_owned(),
        }
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

/// What the planner says of a candidate.
pub fn planned(candidate: &Candidate) -> Planned {
    Planned {
        level: level_name(candidate.level),
        applicability: applicability_name(candidate.applicability),
    }
}

/// A candidate for people: its level and its runtime base.
pub fn name_of(candidate: &Candidate) -> String {
    match &candidate.runtime {
        Some(runtime) => format!("{} on {}", level(candidate.level), runtime.reference),
        None => level(candidate.level).to_owned(),
    }
}

fn level(level: Level) -> &'static str {
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
    let unread = |error| {
        Failure::Usage(format!(
            "{}: {}",
            path.display(),
            super::super::read::missing(path, error)
        ))
    };
    let bytes = std::fs::read(path).map_err(unread)?;
    String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{}: it is not UTF-8", path.display())))
}
