//! The command line: arguments, files, and how a run ends. All reading and writing of users' files
//! is here.

pub mod args;
mod baseline;
mod build;
pub(crate) mod builtin;
pub mod cache;
pub mod colour;
mod console;
mod diff;
mod discover;
pub mod engine;
pub mod exit;
mod explain;
mod init;
mod interrupt;
mod job;
mod lint;
#[cfg(test)]
mod lint_tests;
mod manual;
pub(crate) mod panics;
mod plan;
mod pool;
mod prover;
mod read;
mod rules;
mod shellcheck;
pub(crate) mod surroundings;
pub mod tree;
mod verify;
mod write;

use crate::rule::RuleMeta;
use args::{Cli, Command, SchemaName};
use builtin::Builtin;
use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use console::{Sink, say};
use engine::{Engine, Selection};
use exit::Outcome;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use surroundings::{ConfigSource, Surroundings};

/// The language server: it lies behind this layer, so it is handed in.
pub type Serve = fn() -> Result<(), String>;

/// Runs the program with the arguments of this process.
pub fn main(serve: Serve) -> ExitCode {
    panics::keep_quiet();
    run(&Builtin::default(), serve).into()
}

fn run<E: Engine>(engine: &E, serve: Serve) -> Outcome {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(mut error) => {
            meant_lint(&mut error);
            // `--help` and `--version` come this way, too; nobody may be listening.
            let _ = error.print();
            return if error.use_stderr() {
                Outcome::Failure
            } else {
                Outcome::Clean
            };
        }
    };
    match &cli.command {
        Command::Lint(args) => lint::run(engine, args, cli.global),
        Command::Build(args) => build::run(engine, args, cli.global),
        Command::Cache(command) => cache::run(command),
        Command::Verify(args) => verify::run(engine, args, cli.global),
        Command::Plan(args) => plan::run(engine, args, cli.global),
        Command::Rules(args) => print(&rules::list(&engine.rules(), args)),
        Command::Explain(args) => match explain::find(&known_rules(engine), &args.rule) {
            Ok(rule) => {
                let colour = colour::wanted_here(cli.global.color, std::io::stdout().is_terminal());
                print(&explain::explain(rule, colour))
            }
            Err(message) => {
                say(&format!("error: {message}"));
                Outcome::Failure
            }
        },
        Command::Lsp(_) => match serve() {
            Ok(()) => Outcome::Clean,
            Err(message) => {
                say(&format!("error: {message}"));
                Outcome::Failure
            }
        },
        Command::Init(args) => init::run(engine, args),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
        Command::Schema(args) => match args.what {
            SchemaName::Config => print(&engine.config_schema()),
        },
    }
}

/// Who names a file where a command is expected wants it linted: other linters have no commands.
fn meant_lint(error: &mut clap::Error) {
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && (word == "-" || Path::new(word).exists())
    {
        let tip = format!("to look for findings in it: mbopt lint {word}");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
}

/// The engine's rules, and those of the settings that hold in the current folder, where they can be
/// read.
fn known_rules<E: Engine>(engine: &E) -> Vec<&'static RuleMeta> {
    let mut rules = engine.rules();
    if let Ok(here) = std::env::current_dir() {
        let around = Surroundings::new(engine, ConfigSource::Nearest, Selection::default(), here, false);
        // What is wrong with them is said where they are used.
        if let Ok(config) = around.config(Path::new("Dockerfile")) {
            rules.extend(engine.config_rules(&config));
        }
    }
    rules
}

/// Prints on standard output.
fn print(text: &str) -> Outcome {
    match Sink::Stdout.write(text.as_bytes()) {
        Ok(()) => Outcome::Clean,
        Err(error) => {
            say(&format!("error: standard output: {error}"));
            Outcome::Failure
        }
    }
}
