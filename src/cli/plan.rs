//! `mbopt plan`.

use super::args::{Global, Plan};
use super::colour;
use super::console::{Sink, say};
use super::engine::{Engine, Request, Selection};
use super::exit::Outcome;
use super::panics;
use super::pool;
use super::read;
use super::surroundings::{ConfigSource, Surroundings};
use super::tree::FolderTree;
use crate::plan::Verdict;
use crate::report::plan::draw;
use crate::source::SourceFile;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Plans one file, and says how it ended.
pub fn run<E: Engine>(engine: &E, args: &Plan, global: Global) -> Outcome {
    match planned(engine, args, global) {
        Ok((text, outcome)) => match Sink::Stdout.write(text.as_bytes()) {
            Ok(()) => outcome,
            Err(error) => {
                say(&format!("error: standard output: {error}"));
                Outcome::Failure
            }
        },
        Err(message) => {
            say(&format!("error: {message}"));
            Outcome::Failure
        }
    }
}

fn planned<E: Engine>(engine: &E, args: &Plan, global: Global) -> Result<(String, Outcome), String> {
    let here = std::env::current_dir().map_err(|error| format!("the current folder: {error}"))?;
    let source = match (&args.config, args.no_config) {
        (Some(path), _) => ConfigSource::File(here.join(path)),
        (None, true) => ConfigSource::None,
        (None, false) => ConfigSource::Nearest,
    };
    let selection = Selection {
        level: args.level.map(Into::into),
        ..Selection::default()
    };
    let colour = colour::wanted_here(global.color, std::io::stderr().is_terminal());
    let around = Surroundings::new(engine, source, selection, here, colour);
    let (path, bytes) = if args.file.as_os_str() == "-" {
        (args.file.clone(), read::stdin())
    } else {
        let path = the_file(&args.file)?;
        let bytes = read::file(&path);
        (path, bytes)
    };
    let bytes = bytes.map_err(|error| format!("{}: {error}", path.display()))?;
    let config = around
        .config(&path)
        .map_err(|message| message.trim_start_matches("error: ").to_owned())?;
    let named = args.context.clone().or(engine.wishes(&config).context);
    let contexts: Arc<[Arc<FolderTree>]> = match &named {
        Some(folder) => {
            let tree =
                FolderTree::open(folder).ok_or_else(|| format!("--context {}: no such folder", folder.display()))?;
            Arc::from([Arc::new(tree)])
        }
        None if args.file.as_os_str() == "-" => Arc::from([]),
        None => around.contexts(&path),
    };
    let is_stdin = args.file.as_os_str() == "-";
    let request = Request {
        path: (!is_stdin).then_some(path.as_path()),
        framed: &around.framed(&path),
        config: &*config,
        contexts: &contexts,
        repository: (!is_stdin).then(|| around.repository(&path)).flatten(),
        context_is_named: named.is_some(),
        creates: false,
        observed: &[],
    };
    let source = SourceFile::new(path.to_string_lossy(), bytes);
    let planned = pool::on(|| panics::contain(|| engine.plan(source, &request)))?;
    if !global.quiet {
        for note in &planned.notes {
            say(&format!("note: {note}"));
        }
    }
    let refused =
        matches!(planned.plan.verdict, Verdict::LeftAlone(_)) && planned.file.hard_refusals().next().is_some();
    let text = draw(&planned.file, &planned.plan, args.format.into());
    Ok((text, if refused { Outcome::Refused } else { Outcome::Clean }))
}

/// The Dockerfile that a path names: itself, or the one in a folder.
fn the_file(path: &Path) -> Result<PathBuf, String> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let names = ["Dockerfile", "Containerfile", "dockerfile"];
    let found = names.iter().map(|name| path.join(name)).find(|file| file.is_file());
    let shown = if path == Path::new(".") {
        "this folder".to_owned()
    } else {
        path.display().to_string()
    };
    found
        .map(|file| file.strip_prefix(".").map(Path::to_owned).unwrap_or(file))
        .ok_or_else(|| format!("{shown} has no Dockerfile; name one"))
}
