//! What the command line asks of rules, fixes, settings and build contexts. `builtin`
//! answers with those of this crate; tests of the command line have answers of their own.

use super::args::FailOn;
use super::tree::FolderTree;
use crate::config::{self, Registries, ShellCheck, StageLevel};
use crate::context::Repository;
use crate::edit::{Applicability, NewFile};
use crate::model::{Dockerfile, Refusal};
use crate::plan::{Observed, Plan};
use crate::report::{AppliedFix, SkippedFix};
use crate::rule::{Diagnostic, RuleMeta};
use crate::source::SourceFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A config file as it was read.
#[derive(Debug, Clone)]
pub struct ConfigText {
    /// Where it lies.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
    /// Whether it is hadolint's, read where there is none of mbopt's.
    pub hadolint: bool,
}

/// What the command line says on rules; it stands above the config.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `--select`; empty where it was not given.
    pub select: Vec<String>,
    /// `--ignore`.
    pub ignore: Vec<String>,
    /// `--shellcheck`.
    pub shellcheck: Option<ShellCheck>,
    /// `--level`.
    pub level: Option<StageLevel>,
    /// `--stages`.
    pub rewrite: Option<bool>,
}

/// What the engine is to know of the file besides its text.
#[derive(Debug)]
pub struct Request<'a, Config> {
    /// The file's path as the user wrote it; none for standard input without a name.
    pub path: Option<&'a Path>,
    /// The file's path in the frame of the config: relative to the current folder as the config's
    /// own path is, or absolute as that is.
    pub framed: &'a str,
    /// The config in force.
    pub config: &'a Config,
    /// Folders that may be the build context, the nearest first; one alone where it was named.
    pub contexts: &'a [Arc<FolderTree>],
    /// The repository that the file lies in, as far as it may be looked at.
    pub repository: Option<Arc<Repository>>,
    /// Whether files may be made in the context; not for text that comes through a pipe and goes on.
    pub creates: bool,
    /// Whether the context was named, so that it holds whatever the file copies.
    pub context_is_named: bool,
    /// What builds of the file taught, for planning.
    pub observed: &'a [Observed],
}

/// A file that will be linted.
#[derive(Debug)]
pub struct Upcoming<Config> {
    /// Its text.
    pub source: SourceFile,
    /// Its path in the frame of the config.
    pub framed: String,
    /// The config in force.
    pub config: Arc<Config>,
}

/// What a config says to the command line.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The least severity that fails, where `--fail-on` does not say it.
    pub fail_on: Option<FailOn>,
    /// The build context, where `--context` does not say it.
    pub context: Option<PathBuf>,
    /// How registries are reached.
    pub registries: Registries,
    /// What the user should be told once.
    pub notices: Vec<String>,
    /// What is tried on images.
    pub verify: config::Verify,
}

/// What linting gave.
#[derive(Debug)]
pub struct Linted {
    /// The source, given back.
    pub source: SourceFile,
    /// Findings, suppressed ones left out.
    pub diagnostics: Vec<Diagnostic>,
    /// Why BuildKit would refuse the file.
    pub refusals: Vec<Refusal>,
    /// What could not be looked at, and the like.
    pub notes: Vec<String>,
    /// What is said with `--verbose` only: which build context was taken, and why.
    pub details: Vec<String>,
}

/// A file to be made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The build context.
    pub folder: PathBuf,
    /// The build context as it is shown.
    pub shown: PathBuf,
    /// The file in it.
    pub file: NewFile,
}

/// What fixing gave.
#[derive(Debug)]
pub struct Fixed {
    /// The new text; the old one where nothing was applied.
    pub source: SourceFile,
    /// The text as it was.
    pub original: SourceFile,
    /// Fixes applied.
    pub applied: Vec<AppliedFix>,
    /// Files that fixes make; whoever asked for the fixes writes them.
    pub created: Vec<Created>,
    /// Fixes wanted and left.
    pub skipped: Vec<SkippedFix>,
    /// Findings that remain, in the new text.
    pub remaining: Vec<Diagnostic>,
    /// Why BuildKit would refuse the new text.
    pub refusals: Vec<Refusal>,
    /// As for linting.
    pub notes: Vec<String>,
    /// As for linting.
    pub details: Vec<String>,
}

/// What planning gave.
#[derive(Debug)]
pub struct Planned {
    /// The file, understood.
    pub file: Dockerfile,
    /// What becomes of it.
    pub plan: Plan,
    /// As for linting.
    pub notes: Vec<String>,
}

/// What the command line needs to be told.
pub trait Engine: Sync {
    /// Checked settings of one config file.
    type Config: Send + Sync;

    /// All rules, by id.
    fn rules(&self) -> Vec<&'static RuleMeta>;

    /// Reads a config, or makes the one that holds where there is none; the selection goes on top.
    ///
    /// # Errors
    /// What is wrong with it, with the place; drawn by miette.
    fn config(&self, text: Option<ConfigText>, selection: &Selection) -> Result<Self::Config, miette::Report>;

    /// What a config says to the command line.
    fn wishes(&self, _config: &Self::Config) -> Wishes {
        Wishes::default()
    }

    /// Whether a config excludes a file, given in its frame.
    fn excludes(&self, _config: &Self::Config, _framed: &str) -> bool {
        false
    }

    /// Rules that a config brings along.
    fn config_rules(&self, _config: &Self::Config) -> Vec<&'static RuleMeta> {
        Vec::new()
    }

    /// The config's JSON schema.
    fn config_schema(&self) -> String;

    /// Whether [`Engine::prepare`] does anything under this config.
    fn prepares(&self, _config: &Self::Config) -> bool {
        false
    }

    /// Told of files that will be linted soon, to do at once what is slow to do for each. Nothing may
    /// depend on it.
    fn prepare(&self, _files: Vec<Upcoming<Self::Config>>) {}

    /// Lints one file.
    fn lint(&self, source: SourceFile, request: &Request<'_, Self::Config>) -> Linted;

    /// Plans the stages of one file.
    fn plan(&self, source: SourceFile, request: &Request<'_, Self::Config>) -> Planned;

    /// Lints one file and applies the fixes that can be trusted at least as far as `level`.
    fn fix(&self, source: SourceFile, request: &Request<'_, Self::Config>, level: Applicability) -> Fixed;
}
