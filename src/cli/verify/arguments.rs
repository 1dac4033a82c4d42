//! The arguments of `mbopt verify`.

use super::super::build::arguments::How;
use crate::verify::Probe;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `mbopt verify`.
#[derive(Debug, Args, Default)]
#[command(
    after_help = "Exit codes: 0 smaller, 1 not verified, 2 usage, engine, I/O,\n3 no Dockerfile, 5 broken or not smaller, 130 Ctrl-C.\n\nExample: mbopt verify --probe http:8080/health Dockerfile ."
)]
pub struct Verify {
    /// The Dockerfile, or a folder that holds one [default: Dockerfile]
    #[arg(value_name = "DOCKERFILE")]
    pub file: Option<PathBuf>,
    /// The build context's folder [default: the Dockerfile's]
    #[arg(value_name = "CONTEXT")]
    pub context: Option<PathBuf>,
    /// Compare with this Dockerfile instead of mbopt's own rewrite
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub against: Option<PathBuf>,
    /// Compare two images that exist
    #[arg(
        long,
        num_args = 2,
        value_names = ["BEFORE", "AFTER"],
        help_heading = "Input",
        conflicts_with_all = ["file", "against", "rebuild", "write", "batch"]
    )]
    pub images: Vec<String>,
    /// Verify all projects in folders and lists (.txt, .tsv, .yaml, -)
    #[arg(
        long,
        num_args = 1..,
        value_name = "DIR|LIST",
        help_heading = "Input",
        conflicts_with_all = ["file", "against", "rebuild", "write"]
    )]
    pub batch: Vec<PathBuf>,
    /// How many projects at once, with --batch [default: as many as fit]
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub jobs: Option<usize>,
    /// Give each project so many seconds, with --batch
    #[arg(long, value_name = "SECONDS", help_heading = "Input")]
    pub project_timeout: Option<u64>,
    /// Read the settings from this file
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub config: Option<PathBuf>,
    /// Read no settings
    #[arg(long, conflicts_with = "config", help_heading = "Input", hide = true)]
    pub no_config: bool,

    /// Try on both: http:PORT/PATH, tcp:PORT, exec:WORDS, command:WORDS
    #[arg(long, value_name = "PROBE", help_heading = "Checks")]
    pub probe: Vec<Probe>,
    /// Set a variable in the containers that are compared
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Checks", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// How long a start may take, in seconds [default: 15]
    #[arg(long, value_name = "SECONDS", help_heading = "Checks")]
    pub patience: Option<u64>,
    /// Do not build the tester stage
    #[arg(long, help_heading = "Checks")]
    pub skip_tests: bool,
    /// Time a rebuild after this file of the context was changed
    #[arg(long, value_name = "FILE", help_heading = "Checks")]
    pub rebuild: Option<PathBuf>,
    /// How the image is built
    #[command(flatten)]
    pub how: How,

    /// How to report: text, json, markdown, html
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub format: VerifyFormat,
    /// Write the report to a file; with --batch, the results
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Write the rewritten Dockerfile to FILE, where it is proved smaller
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub write: Option<PathBuf>,
}

/// `--format` of `mbopt verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum VerifyFormat {
    /// For people.
    #[default]
    Text,
    /// For programs; versioned.
    Json,
    /// For a pull request or a step summary.
    Markdown,
    /// One file for a browser.
    Html,
}

/// `NAME=VALUE`.
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
