//! One file of a `lint` run, from reading to writing. Jobs know nothing of each other.

use super::args::FailOn;
use super::baseline::Baseline;
use super::diff;
use super::discover::{Input, Target};
use super::engine::{Engine, Fixed, Request, Upcoming};
use super::panics;
use super::prover::{Proposal, Prover};
use super::read;
use super::surroundings::Surroundings;
use super::tree::FolderTree;
use super::write::{self, WriteError};
use crate::edit::{Applicability, Effect};
use crate::plan::Observed;
use crate::report::FileReport;
use crate::source::SourceFile;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to do with the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Report findings.
    Report,
    /// Apply fixes, report what is left.
    Fix(Applicability),
    /// Show what fixes would change.
    Diff(Applicability),
}

/// What all jobs of a run share.
pub struct Run<'a, E: Engine> {
    /// The engine.
    pub engine: &'a E,
    /// Configs and contexts.
    pub around: Surroundings<'a, E>,
    /// `--baseline`.
    pub baseline: Option<Baseline>,
    /// `--fail-on`.
    pub fail_on: Option<FailOn>,
    /// `--context`.
    pub context: Option<Arc<[Arc<FolderTree>]>>,
    /// `--stdin-filename`.
    pub stdin_name: Option<PathBuf>,
    /// What to do.
    pub mode: Mode,
    /// Show paths below the current folder relative to it, as services want them.
    pub relative: Option<PathBuf>,
    /// Whether the diff is coloured.
    pub colour: bool,
    /// `--verify`: what proves a file before it is written.
    pub prover: Option<Prover>,
}

/// What became of a file.
pub struct Done {
    /// What to report.
    pub report: FileReport,
    /// Text for standard output: the fixed text of standard input.
    pub text: Option<Vec<u8>>,
    /// What fixes would change.
    pub diff: String,
    /// It has findings that fail the run.
    pub failing: bool,
    /// What is said with `--verbose`.
    pub details: Vec<String>,
    /// The error in the report was said elsewhere (a broken config, once for all its files).
    pub said: bool,
}

impl Done {
    fn new(report: FileReport) -> Self {
        Done {
            report,
            text: None,
            diff: String::new(),
            failing: false,
            details: Vec::new(),
            said: false,
        }
    }
}

impl<E: Engine> Run<'_, E> {
    /// Lets the engine prepare for files that are done next.
    pub fn prepare(&self, targets: &[Target]) {
        let upcoming = targets.par_iter().filter_map(|target| {
            let Input::File(path) = &target.input else { return None };
            let config = self.around.config(path).ok()?;
            self.engine.prepares(&config).then(|| {
                Some(Upcoming {
                    source: SourceFile::new(String::new(), read::file(path).ok()?),
                    framed: self.around.framed(path),
                    config,
                })
            })?
        });
        let upcoming: Vec<_> = upcoming.collect();
        if !upcoming.is_empty() {
            self.engine.prepare(upcoming);
        }
    }

    /// Does one file.
    pub fn job(&self, target: &Target) -> Done {
        let shown = self.shown(&target.input);
        let (bytes, path) = match &target.input {
            Input::File(path) => (read::file(path), path.as_path()),
            Input::Stdin => (read::stdin(), self.stdin_name.as_deref().unwrap_or(Path::new("-"))),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return Done::new(FileReport::failed(shown, error.to_string())),
        };
        let config = match self.around.config(path) {
            Ok(config) => config,
            Err(_) => {
                return Done {
                    said: true,
                    ..Done::new(FileReport::failed(shown, "not linted: its config is broken"))
                };
            }
        };
        let wishes = self.engine.wishes(&config);
        let named = match (&self.context, &wishes.context) {
            (Some(named), _) => Some(named.clone()),
            (None, Some(path)) => match FolderTree::open(path) {
                Some(tree) => Some(Arc::from([Arc::new(tree)])),
                None => {
                    let message = format!("its config names a build context that is no folder: {}", path.display());
                    return Done::new(FileReport::failed(shown, message));
                }
            },
            (None, None) => None,
        };
        // What comes through a pipe has no folder, as for `docker build -`.
        let nameless = target.input == Input::Stdin && self.stdin_name.is_none();
        let context_is_named = named.is_some();
        let contexts = match named {
            Some(named) => named,
            None if nameless => Arc::from([]),
            None => self.around.contexts(path),
        };
        let repository = (!nameless).then(|| self.around.repository(path)).flatten();
        let request = Request {
            path: (!nameless).then_some(path),
            framed: &self.around.framed(path),
            config: &*config,
            contexts: &contexts,
            repository,
            creates: !matches!(target.input, Input::Stdin),
            context_is_named,
            observed: &[],
        };
        let source = SourceFile::new(shown.clone(), bytes);
        match panics::contain(|| self.done(source, &request, target, &shown)) {
            Ok(mut done) => {
                if let Some(baseline) = &self.baseline {
                    baseline.filter(&mut done.report);
                }
                if let Some((config, _)) = self.around.config_path(path) {
                    done.details
                        .push(format!("config {}", self.around.shown(&config).display()));
                }
                let least = self.fail_on.or(wishes.fail_on).unwrap_or_default().severity();
                done.failing = least.is_some_and(|least| done.report.diagnostics.iter().any(|d| d.severity >= least));
                done
            }
            Err(message) => Done::new(FileReport::failed(shown, message)),
        }
    }

    /// The path as it is shown.
    fn shown(&self, input: &Input) -> String {
        let path = match input {
            Input::File(path) => path.as_path(),
            Input::Stdin => self.stdin_name.as_deref().unwrap_or(Path::new("-")),
        };
        self.relative_to_here(path)
    }

    fn relative_to_here(&self, path: &Path) -> String {
        let short = self.relative.as_ref().and_then(|here| path.strip_prefix(here).ok());
        short.unwrap_or(path).to_string_lossy().into_owned()
    }

    fn done(&self, source: SourceFile, request: &Request<'_, E::Config>, target: &Target, shown: &str) -> Done {
        match self.mode {
            Mode::Report => self.lint(source, request, shown),
            Mode::Fix(level) => self.fix(source, request, target, shown, level),
            Mode::Diff(level) => {
                let fixed = self.engine.fix(source, request, level);
                let announced = announced(&fixed);
                let mut diff = diff::unified(shown, &fixed.original, &fixed.source, self.colour);
                for new in &fixed.created {
                    let path = self.relative_to_here(&new.shown.join(&new.file.path));
                    diff.push_str(&diff::created(&path, &new.file.text, self.colour));
                }
                let mut done = fixed_done(fixed, shown);
                done.report.notes.extend(announced);
                Done { diff, ..done }
            }
        }
    }

    fn lint(&self, source: SourceFile, request: &Request<'_, E::Config>, shown: &str) -> Done {
        let linted = self.engine.lint(source, request);
        let mut report = FileReport::new(shown, linted.source, linted.diagnostics, linted.refusals);
        report.notes = linted.notes;
        Done {
            details: linted.details,
            ..Done::new(report)
        }
    }

    fn fix(
        &self,
        source: SourceFile,
        request: &Request<'_, E::Config>,
        target: &Target,
        shown: &str,
        level: Applicability,
    ) -> Done {
        let mut fixed = self.engine.fix(source, request, level);
        if let (Some(prover), Input::File(path)) = (&self.prover, &target.input) {
            match self.prove(prover, path, request, fixed) {
                Ok(proved) => fixed = proved,
                Err(refused) => {
                    let (original, why) = *refused;
                    let mut done = self.lint(original, request, shown);
                    done.report.notes.push(why);
                    return done;
                }
            }
        }
        match &target.input {
            Input::Stdin => {
                let text = fixed.source.bytes().to_vec();
                Done {
                    text: Some(text),
                    ..fixed_done(fixed, shown)
                }
            }
            Input::File(path) => match self.write(path, target, &fixed) {
                Ok(mut notes) => {
                    let rewritten = effects(&fixed).any(|effect| effect == Effect::Stages);
                    if rewritten && self.prover.is_none() {
                        notes.push("rewritten, not verified: run `mbopt verify`, or --fix with --verify".to_owned());
                    }
                    let mut done = fixed_done(fixed, shown);
                    done.report.notes.extend(notes);
                    done
                }
                Err(error) => {
                    // The file is as it was, and so are its findings.
                    let mut done = self.lint(fixed.original, request, shown);
                    done.report.error = Some(error);
                    done
                }
            },
        }
    }

    /// The fixed file, or a bolder rewrite, where a build proves it; else the file as it was, and why.
    fn prove(
        &self,
        prover: &Prover,
        path: &Path,
        request: &Request<'_, E::Config>,
        fixed: Fixed,
    ) -> Result<Fixed, Box<(SourceFile, String)>> {
        let planned = self.engine.plan(fixed.original.clone(), request);
        let changed = fixed.source.bytes() != fixed.original.bytes();
        if planned.plan.candidates.is_empty() && !changed {
            return Ok(fixed);
        }
        let settings = self.engine.wishes(request.config).verify;
        let mut said: Vec<(String, Vec<String>)> = Vec::new();
        let mut propose = |observed: &[Observed]| {
            let request = Request {
                observed,
                repository: request.repository.clone(),
                ..*request
            };
            let planned = self.engine.plan(fixed.original.clone(), &request);
            let mut proposals = Vec::new();
            for candidate in &planned.plan.candidates {
                // What is proved is what will be written: with the safe fixes, but not other stages.
                let text = SourceFile::new(fixed.original.name(), candidate.text.as_bytes().to_vec());
                let mended = self.engine.fix(text, &request, Applicability::Safe);
                said.push((mended.source.text().to_owned(), candidate.announces.clone()));
                proposals.push(Proposal {
                    name: super::verify::name_of(candidate),
                    planned: Some(super::verify::planned(candidate)),
                    text: mended.source.text().to_owned(),
                    effects: candidate.effects.iter().copied().chain(effects(&mended)).collect(),
                });
            }
            if changed {
                proposals.push(Proposal {
                    name: "the fixed file".to_owned(),
                    planned: None,
                    text: fixed.source.text().to_owned(),
                    effects: effects(&fixed).collect(),
                });
            }
            proposals
        };
        let context = match request.contexts.first() {
            Some(tree) => tree.root().to_owned(),
            None => path.parent().unwrap_or(Path::new(".")).to_owned(),
        };
        match prover.choose(&planned.file, path, &context, &settings, &mut propose) {
            Ok((text, note)) => {
                let source = SourceFile::new(fixed.original.name(), text.into_bytes());
                let linted = self.engine.lint(source.clone(), request);
                let mut notes = linted.notes;
                notes.push(note);
                // What was taken need not be what the fixes alone would have taken.
                let text = source.text();
                let mut applied = fixed.applied;
                if let Some((_, announces)) = said.into_iter().rev().find(|(known, _)| known == text) {
                    applied.iter_mut().for_each(|fix| fix.announces.clear());
                    notes.extend(announces);
                }
                Ok(Fixed {
                    applied,
                    source,
                    remaining: linted.diagnostics,
                    refusals: linted.refusals,
                    notes,
                    ..fixed
                })
            }
            Err(why) => Err(Box::new((fixed.original, why))),
        }
    }

    /// New files first: the Dockerfile is not touched where one of them cannot be made.
    fn write(&self, path: &Path, target: &Target, fixed: &Fixed) -> Result<Vec<String>, String> {
        let mut notes = Vec::new();
        for new in &fixed.created {
            let said = |error: WriteError| {
                let shown = self.relative_to_here(&new.shown.join(&new.file.path));
                format!("`{}` {error}", shown.strip_prefix("./").unwrap_or(&shown))
            };
            match write::create(&new.folder, &new.file.path, new.file.text.as_bytes()) {
                Ok(()) => {}
                // Another Dockerfile of the same context was quicker.
                Err(error @ WriteError::Exists) => notes.push(said(error)),
                Err(error) => return Err(said(error)),
            }
        }
        if fixed.source.bytes() != fixed.original.bytes() {
            write::replace(path, &target.tree, fixed.original.bytes(), fixed.source.bytes())
                .map_err(|error| error.to_string())?;
        }
        Ok(notes)
    }
}

/// What is to be said of the fixes of a file that are not told one by one.
fn announced(fixed: &Fixed) -> Vec<String> {
    fixed
        .applied
        .iter()
        .flat_map(|fix| fix.announces.iter().cloned())
        .collect()
}

/// What the fixes of a file announced to change.
fn effects(fixed: &Fixed) -> impl Iterator<Item = Effect> + '_ {
    fixed.applied.iter().flat_map(|fix| fix.effects.iter().copied())
}

/// What became of a fixed file.
fn fixed_done(fixed: Fixed, shown: &str) -> Done {
    let mut report = FileReport::new(shown, fixed.source, fixed.remaining, fixed.refusals);
    report.fixed = fixed.applied;
    report.skipped = fixed.skipped;
    report.notes = fixed.notes;
    Done {
        details: fixed.details,
        ..Done::new(report)
    }
}
