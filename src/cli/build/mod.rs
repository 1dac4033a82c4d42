//! `mbopt build`.

pub mod arguments;
pub mod show;
mod summary;

use super::args::Global;
use super::colour;
use super::console::{Sink as Out, say};
use super::engine::{Engine as Lint, Selection};
use super::exit::Outcome;
use super::interrupt;
use super::surroundings::{ConfigSource, Surroundings};
use crate::config::Registries;
use crate::executor::{BuildRequest, Chosen, Error, Limits, Places, choose};
use arguments::{Build, BuildFormat, How};
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Builds, writes the image where it is wanted, and says how large it is.
pub fn run<L: Lint>(lint: &L, args: &Build, global: Global) -> Outcome {
    match attempt(lint, args, global) {
        Ok(()) => Outcome::Clean,
        Err(error) => report(&error),
    }
}

/// What ends a build.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Executor(#[from] Error),
    #[error("{0}")]
    Usage(String),
    #[error("standard output: {0}")]
    Output(io::Error),
}

/// Says what went wrong, and what to do; the end of a failed step's output before it.
pub fn explain(error: &Error) {
    if let Error::Step(failure) = error
        && !failure.output.is_empty()
    {
        say(&failure.output);
    }
    say(&format!("error: {error}"));
    if let Some(help) = error.help() {
        say(&format!("help: {help}"));
    }
}

fn report(failure: &Failure) -> Outcome {
    let Failure::Executor(error) = failure else {
        say(&format!("error: {failure}"));
        return Outcome::Failure;
    };
    explain(error);
    match error {
        Error::Cancelled => Outcome::Interrupted,
        Error::Dockerfile { .. } => Outcome::Refused,
        Error::Step(_) | Error::Image { .. } | Error::Limit { .. } => Outcome::Findings,
        _ => Outcome::Failure,
    }
}

fn attempt<L: Lint>(lint: &L, args: &Build, global: Global) -> Result<(), Failure> {
    let request = request(args)?;
    let cancel = interrupt::cancel();
    let here = std::env::current_dir().map_err(|error| Failure::Usage(format!("the current folder: {error}")))?;
    let source = match (&args.config, args.no_config) {
        (Some(path), _) => ConfigSource::File(here.join(path)),
        (None, true) => ConfigSource::None,
        (None, false) => ConfigSource::Nearest,
    };
    let colour = colour::wanted_here(global.color, io::stderr().is_terminal());
    let around = Surroundings::new(lint, source, Selection::default(), here, colour);
    let registries = registries(lint, &around, &request.dockerfile_name).map_err(Failure::Usage)?;
    let Chosen { engine, why } = choose(args.how.engine.name(), &places(&args.how, registries))?;
    let quiet = global.quiet || args.format == BuildFormat::Json;
    if !quiet {
        say(&format!("engine: {why}"));
    }
    let begun = Instant::now();
    let show = show::Show::new(quiet, global.verbose, colour);
    let built = engine.build(&request, &show, cancel);
    show.end();
    let built = built?;
    let took = begun.elapsed();
    let done = (|| -> Result<String, Failure> {
        for output in &args.output {
            engine.export(&built.id, output, &show, cancel)?;
        }
        if quiet && args.format == BuildFormat::Text {
            return Ok(format!("{}\n", built.id));
        }
        let contents = engine.contents(&built.id, cancel)?;
        let summary = summary::Summary {
            engine: engine.name(),
            built: &built,
            contents: &contents,
            outputs: &args.output,
            took,
        };
        Ok(match args.format {
            BuildFormat::Text => summary.text(),
            BuildFormat::Json => summary.json(),
        })
    })();
    // A name or a file keeps what the user wants; the rest is the cache's.
    let removed = engine.remove(&built.id);
    Out::Stdout.write(done?.as_bytes()).map_err(Failure::Output)?;
    Ok(removed?)
}

/// What the settings that hold for a Dockerfile say of registries.
///
/// # Errors
/// What is wrong with the settings, drawn.
pub fn registries<L: Lint>(lint: &L, around: &Surroundings<'_, L>, file: &Path) -> Result<Registries, String> {
    match around.config(file) {
        Ok(config) => Ok(lint.wishes(&config).registries),
        Err(message) => Err(message.trim_start_matches("error: ").to_owned()),
    }
}

/// Where engines are looked for.
pub fn places(how: &How, registries: Registries) -> Places {
    Places {
        registries,
        path: std::env::var_os("PATH"),
        docker: how.docker.clone().map(PathBuf::into_os_string),
        podman: how.podman.clone().map(PathBuf::into_os_string),
    }
}

fn request(args: &Build) -> Result<BuildRequest, Failure> {
    let context = args.context.clone().unwrap_or_else(|| PathBuf::from("."));
    if !context.is_dir() {
        return Err(Failure::Usage(format!(
            "the build context {} is no folder",
            context.display()
        )));
    }
    let name = args.file.clone().unwrap_or_else(|| dockerfile_in(&context));
    let unread = |error| Failure::Usage(format!("{}: {}", name.display(), super::read::missing(&name, error)));
    let dockerfile = fs::read(&name).map_err(unread)?;
    let dockerfile =
        String::from_utf8(dockerfile).map_err(|_| Failure::Usage(format!("{}: it is not UTF-8", name.display())))?;
    let how = &args.how;
    Ok(BuildRequest {
        dockerfile,
        dockerfile_name: name,
        context,
        keep: !args.output.is_empty(),
        ..self::how(how)
    })
}

/// What a request has of the arguments alone.
pub fn how(how: &How) -> BuildRequest {
    BuildRequest {
        target: how.target.clone(),
        build_args: how.build_arg.iter().filter_map(|arg| build_arg(arg)).collect(),
        secrets: how.secret.clone(),
        network: how.network.into(),
        no_cache: how.no_cache,
        platform: how.platform.clone(),
        named_contexts: how.build_context.clone(),
        limits: Limits {
            build: how.timeout.map(Duration::from_secs),
            ..Limits::default()
        },
        builder: how.builder.clone(),
        ..BuildRequest::default()
    }
}

/// `NAME=VALUE`, or `NAME` with the environment's value; nothing where that has none.
fn build_arg(text: &str) -> Option<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => Some((text.to_owned(), std::env::var(text).ok()?)),
    }
}

pub fn dockerfile_in(context: &Path) -> PathBuf {
    let usual = context.join("Dockerfile");
    let other = context.join("Containerfile");
    if !usual.is_file() && other.is_file() {
        other
    } else {
        usual
    }
}
