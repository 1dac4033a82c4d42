//! `mbopt verify`: builds a Dockerfile and its rewrite for real, and says whether the rewrite is
//! smaller and still does the same.

pub mod arguments;
mod rewrites;

use super::args::Global;
use super::build::show::Show;
use super::build::{how, places, registries};
use super::console::{Sink as Out, say};
use super::exit::Outcome;
use super::{colour, interrupt, write};
use crate::executor::{BuildRequest, Chosen, Engine, Error, choose};
use crate::report::verification;
use crate::verify::behaviour::Manner;
use crate::verify::{Input, Options, Report, Touch, Verdict, prove};
use arguments::{Verify, VerifyFormat};
use rewrites::Source;
pub use rewrites::{base_only, level, tester};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What ends it before there is a verdict.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine's own.
    #[error(transparent)]
    Executor(#[from] Error),
    /// What the user wrote, or a file that cannot be read.
    #[error("{0}")]
    Usage(String),
}

/// Verifies, and reports.
pub fn run(args: &Verify, global: Global) -> Outcome {
    match attempt(args, global) {
        Ok(outcome) => outcome,
        Err(Failure::Executor(error)) => {
            super::build::explain(&error);
            match error {
                Error::Cancelled => Outcome::Interrupted,
                _ => Outcome::Failure,
            }
        }
        Err(Failure::Usage(message)) => {
            say(&format!("error: {message}"));
            Outcome::Failure
        }
    }
}

/// The exit code of a verdict.
pub fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Smaller => Outcome::Clean,
        Verdict::NotSmaller | Verdict::Broken => Outcome::NotProved,
        Verdict::OriginalFails | Verdict::NotVerified => Outcome::Findings,
    }
}

fn attempt(args: &Verify, global: Global) -> Result<Outcome, Failure> {
    let (file, context) = place(args)?;
    let source = Source::read(&file, &context, args.against.as_deref())?;
    let registries = registries(&args.how, &file, global).map_err(Failure::Usage)?;
    let Chosen { engine, why } = choose(args.how.engine.name(), &places(&args.how, registries))?;
    if !global.quiet {
        say(&format!("engine: {why}"));
    }
    let colour = colour::wanted_here(global.color, io::stderr().is_terminal());
    let show = Show::new(global.quiet, global.verbose, colour);
    let report = verify_one(&*engine, &source, args, &show);
    show.end();
    let report = report?;
    let colour = args.output.is_none() && colour::wanted_here(global.color, io::stdout().is_terminal());
    let text = match args.format {
        VerifyFormat::Text => verification::text(&report, colour),
        VerifyFormat::Json => verification::json(&report),
        VerifyFormat::Markdown => verification::markdown(&report),
        VerifyFormat::Html => verification::html(&report, source.text()),
    };
    match &args.output {
        Some(path) => write::report(path, text.as_bytes())
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?,
        None => Out::Stdout
            .write(text.as_bytes())
            .map_err(|error| Failure::Usage(format!("standard output: {error}")))?,
    }
    if let (Some(path), Verdict::Smaller, Some(taken)) = (&args.write, report.verdict, report.candidates.last()) {
        write::report(path, taken.text.as_bytes())
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    }
    Ok(outcome(report.verdict))
}

/// Builds and compares one Dockerfile with its rewrites.
fn verify_one(engine: &dyn Engine, source: &Source, args: &Verify, show: &Show) -> Result<Report, Failure> {
    let input = Input {
        dockerfile: source.name().to_owned(),
        request: BuildRequest {
            dockerfile: source.text().to_owned(),
            dockerfile_name: source.path().to_owned(),
            context: source.context().to_owned(),
            ..how(&args.how)
        },
        base_only: source.base_only(),
    };
    let mut manner = Manner {
        env: args.env.clone(),
        probes: args.probe.clone(),
        ..Manner::default()
    };
    if let Some(seconds) = args.patience {
        manner.patience = Duration::from_secs(seconds);
    }
    let copy = args
        .rebuild
        .as_deref()
        .map(|file| changed_copy(source.context(), file))
        .transpose()?;
    let options = Options {
        manner,
        skip_tests: args.skip_tests,
        rebuild: copy.as_ref().zip(args.rebuild.as_ref()).map(|(copy, file)| Touch {
            context: copy.path().to_owned(),
            file: file.clone(),
        }),
    };
    let mut next = |observed: &[crate::plan::Observed]| source.rewrites(observed);
    Ok(prove(engine, &input, &mut next, &options, show, interrupt::cancel())?)
}

/// The Dockerfile and its context.
fn place(args: &Verify) -> Result<(PathBuf, PathBuf), Failure> {
    let given = args.file.clone().unwrap_or_else(|| PathBuf::from("."));
    let file = match given.is_dir() {
        true => super::build::dockerfile_in(&given),
        false => given,
    };
    let context = match &args.context {
        Some(context) => context.clone(),
        None => match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        },
    };
    match context.is_dir() {
        true => Ok((file, context)),
        false => Err(Failure::Usage(format!(
            "the build context {} is no folder",
            context.display()
        ))),
    }
}

/// A copy of the context in which `file` is a little longer: a line end more changes no program, and
/// every cache.
fn changed_copy(context: &Path, file: &Path) -> Result<tempfile::TempDir, Failure> {
    let failed = |path: &Path, error: io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let copy = tempfile::Builder::new()
        .prefix("mbopt-")
        .tempdir()
        .map_err(|error| failed(context, error))?;
    for entry in ignore::WalkBuilder::new(context).standard_filters(false).build() {
        let entry = entry.map_err(|error| Failure::Usage(error.to_string()))?;
        let Ok(relative) = entry.path().strip_prefix(context) else {
            continue;
        };
        let to = copy.path().join(relative);
        let Some(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            std::fs::create_dir_all(&to).map_err(|error| failed(&to, error))?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &to).map_err(|error| failed(entry.path(), error))?;
        } else if kind.is_symlink() {
            link(entry.path(), &to).map_err(|error| failed(entry.path(), error))?;
        }
    }
    let changed = copy.path().join(file);
    let append = |path: &Path| -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
        io::Write::write_all(&mut file, b"\n")
    };
    append(&changed).map_err(|error| failed(&context.join(file), error))?;
    Ok(copy)
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(std::fs::read_link(from)?, to)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}
