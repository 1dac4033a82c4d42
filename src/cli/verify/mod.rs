//! `mbopt verify`: builds a Dockerfile and its rewrite for real, and says whether the rewrite is
//! smaller and still does the same.

pub mod arguments;
mod batch;
mod images;
mod offers;
mod place;
mod projects;
mod rewrites;

use super::args::Global;
use super::build::show::Show;
use super::build::{how, places, registries};
use super::console::{Sink as Out, say};
use super::engine::{Engine as Lint, Request, Selection};
use super::exit::Outcome;
use super::surroundings::{ConfigSource, Surroundings};
use super::tree::FolderTree;
use super::{colour, interrupt, write};
use crate::config;
use crate::executor::{BuildRequest, Cancel, Chosen, Engine, Error, Sink, choose};
use crate::report::verification;
use crate::source::SourceFile;
use crate::verify::behaviour::Manner;
use crate::verify::{Input, Options, Probe, Report, Touch, Verdict, prove};
use arguments::{Verify, VerifyFormat};
use place::{Place, changed_copy};
use projects::Own;
use rewrites::Source;
pub use rewrites::{base_only, name_of, planned, tester};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
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
    /// There is no Dockerfile.
    #[error("{0} does not exist")]
    Nothing(String),
}

/// Verifies, and reports.
pub fn run<L: Lint>(lint: &L, args: &Verify, global: Global) -> Outcome {
    match attempt(lint, args, global) {
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
        Err(failure @ Failure::Nothing(_)) => {
            say(&format!("error: {failure}"));
            say(
                "help: name a Dockerfile (`mbopt verify FILE [CONTEXT]`), or folders of projects (`mbopt verify --batch DIR`)",
            );
            Outcome::NothingFound
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

/// What one call of the command has.
struct Session<'a, L: Lint> {
    lint: &'a L,
    around: Surroundings<'a, L>,
    args: &'a Verify,
    global: Global,
    engine: Box<dyn Engine>,
}

fn attempt<L: Lint>(lint: &L, args: &Verify, global: Global) -> Result<Outcome, Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::Usage(format!("the current folder: {error}")))?;
    let source = match (&args.config, args.no_config) {
        (Some(path), _) => ConfigSource::File(here.join(path)),
        (None, true) => ConfigSource::None,
        (None, false) => ConfigSource::Nearest,
    };
    // What was asked for is looked at before an engine is: it may be far.
    let place = match args.images.is_empty() && args.batch.is_empty() {
        true => Some(Place::of(args.file.as_deref(), args.context.as_deref())?),
        false => None,
    };
    if let Some(Place { file, .. }) = place.as_ref().filter(|place| !place.file.exists()) {
        return Err(Failure::Nothing(file.display().to_string()));
    }
    // That nothing can be written there is better known before hours of builds than after them.
    for path in args.output.iter().chain(&args.write) {
        write::check_folder(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    }
    let colour_err = colour::wanted_here(global.color, io::stderr().is_terminal());
    let around = Surroundings::new(lint, source, Selection::default(), here, colour_err);
    let file = place.as_ref().map_or(Path::new("Dockerfile"), |place| &place.file);
    let registries = registries(lint, &around, file).map_err(Failure::Usage)?;
    let Chosen { engine, why } = choose(args.how.engine.name(), &places(&args.how, registries))?;
    if !global.quiet {
        say(&format!("engine: {why}"));
    }
    let session = Session {
        lint,
        around,
        args,
        global,
        engine,
    };
    if !args.batch.is_empty() {
        return batch::run(&session);
    }
    let show = Show::new(global.quiet, global.verbose, colour_err);
    let (report, original) = match (&args.images[..], place) {
        ([before, after], _) => (images::verify(&session, before, after, &show), String::new()),
        (_, Some(place)) => {
            let source = session.source(&place)?;
            let verified = session.verify(&source, &Own::default(), &show, interrupt::cancel());
            (verified, source.text().to_owned())
        }
        _ => return Err(Failure::Usage("--images takes two images".to_owned())),
    };
    show.end();
    let report = report?;
    session.print(&report, &original)?;
    if let (Some(path), Verdict::Smaller, Some(taken)) = (&args.write, report.verdict, report.candidates.last()) {
        write::report(path, taken.text.as_bytes())
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    }
    Ok(outcome(report.verdict))
}

impl<L: Lint> Session<'_, L> {
    /// The settings that hold in the current folder.
    fn settings(&self) -> Result<config::Verify, Failure> {
        match self.around.config(Path::new("Dockerfile")) {
            Ok(config) => Ok(self.lint.wishes(&config).verify),
            Err(message) => Err(Failure::Usage(message.trim_start_matches("error: ").to_owned())),
        }
    }

    /// A Dockerfile with its planner and its settings.
    fn source(&self, place: &Place) -> Result<Source<'_>, Failure> {
        let usage = |message: Arc<str>| Failure::Usage(message.trim_start_matches("error: ").to_owned());
        let config = self.around.config(&place.file).map_err(usage)?;
        let settings = self.lint.wishes(&config).verify;
        let framed = self.around.framed(&place.file);
        let contexts: Arc<[Arc<FolderTree>]> = FolderTree::open(&place.context).into_iter().map(Arc::new).collect();
        let path = place.file.clone();
        let repository = self.around.repository(&place.file);
        let plan = move |source: SourceFile, observed: &[crate::plan::Observed]| {
            let request = Request {
                path: Some(&path),
                framed: &framed,
                config: &*config,
                contexts: &contexts,
                repository: repository.clone(),
                creates: false,
                context_is_named: true,
                observed,
            };
            self.lint.plan(source, &request).plan
        };
        Source::read(place, self.args.against.as_deref(), settings, Box::new(plan))
    }

    /// Builds and compares one Dockerfile with its rewrites.
    fn verify(&self, source: &Source<'_>, own: &Own, events: &dyn Sink, cancel: &Cancel) -> Result<Report, Failure> {
        let args = self.args;
        let mut how = how(&args.how);
        how.target = own.target.clone().or(how.target);
        how.build_args.extend(own.build_args.clone());
        let input = Input {
            dockerfile: source.name().to_owned(),
            request: BuildRequest {
                dockerfile: source.text().to_owned(),
                dockerfile_name: source.path().to_owned(),
                context: source.context().to_owned(),
                ..how
            },
            base_only: source.base_only(),
            whole: false,
        };
        let copy = args
            .rebuild
            .as_deref()
            .map(|file| changed_copy(source.context(), file))
            .transpose()?;
        let options = Options {
            manner: self.manner(source.settings(), own)?,
            skip_tests: args.skip_tests,
            alone: args.batch.is_empty(),
            rebuild: copy.as_ref().zip(args.rebuild.as_ref()).map(|(copy, file)| Touch {
                context: copy.path().to_owned(),
                file: file.clone(),
            }),
        };
        let mut next = |observed: &[crate::plan::Observed]| source.rewrites(observed);
        let mut report = prove(&*self.engine, &input, &mut next, &options, events, cancel)?;
        report.ecosystems = source.ecosystems();
        if report.verdict == Verdict::NotVerified && report.candidates.is_empty() {
            report.reason = source.why_not();
        }
        let known: Vec<&str> = options.manner.env.iter().map(|(name, _)| name.as_str()).collect();
        report.offers = offers::offers(source.context(), source.text(), &known);
        Ok(report)
    }

    /// The settings' and the command line's wishes on behaviour.
    fn manner(&self, settings: &config::Verify, own: &Own) -> Result<Manner, Failure> {
        let mut manner = manner_of(settings).map_err(Failure::Usage)?;
        manner.env.extend(own.env.clone());
        manner.probes.extend(own.probes.iter().cloned());
        manner.env.extend(self.args.env.iter().cloned());
        manner.probes.extend(self.args.probe.iter().cloned());
        if let Some(seconds) = self.args.patience.or(own.patience) {
            manner.patience = Duration::from_secs(seconds);
        }
        Ok(manner)
    }

    fn print(&self, report: &Report, original: &str) -> Result<(), Failure> {
        let args = self.args;
        let colour = args.output.is_none() && colour::wanted_here(self.global.color, io::stdout().is_terminal());
        let text = match args.format {
            VerifyFormat::Text => verification::text(report, colour),
            VerifyFormat::Json => verification::json(report),
            VerifyFormat::Markdown => verification::markdown(report),
            VerifyFormat::Html => verification::html(report, original),
        };
        put(args.output.as_deref(), &text)
    }
}

/// Writes a report where it belongs.
fn put(output: Option<&Path>, text: &str) -> Result<(), Failure> {
    match output {
        Some(path) => {
            write::report(path, text.as_bytes()).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
        }
        None => Out::Stdout
            .write(text.as_bytes())
            .map_err(|error| Failure::Usage(format!("standard output: {error}"))),
    }
}

/// How behaviour is looked at, by the settings alone.
///
/// # Errors
/// A probe cannot be read.
pub fn manner_of(settings: &config::Verify) -> Result<Manner, String> {
    let mut manner = Manner {
        env: settings.env.clone().into_iter().collect(),
        ..Manner::default()
    };
    if let Some(seconds) = settings.patience {
        manner.patience = Duration::from_secs(seconds);
    }
    for probe in &settings.probes {
        manner.probes.push(match probe {
            config::ProbeSetting::Text(text) => text
                .parse()
                .map_err(|error| format!("`verify.probes` in the settings: {error}"))?,
            config::ProbeSetting::Words { kind, words, .. } if kind == "exec" => Probe::Exec { args: words.clone() },
            config::ProbeSetting::Words { words, env, .. } => Probe::Command {
                args: words.clone(),
                env: env.clone().into_iter().collect(),
            },
        });
    }
    Ok(manner)
}
