//! What a run has to say, drawn for people and for programs.
//!
//! A [`Reporter`] draws one file at a time and knows of no other, so that files can be drawn in
//! parallel and put together in order. Nothing here decides: what is a finding, what is shown and
//! what the exit code is are settled before.

mod checkstyle;
mod codeclimate;
mod concise;
pub mod difference;
mod escape;
mod excerpt;
mod fingerprint;
mod github;
mod json;
mod junit;
mod markdown;
mod palette;
mod place;
pub mod plan;
mod refused;
#[cfg(test)]
pub(crate) mod sample;
mod sarif;
mod size;
mod statistics;
mod summary;
mod text;
pub mod verification;
mod xml;

pub use escape::visible;
pub use fingerprint::fingerprint;
pub use refused::{INVALID, finding as refusal_finding};
pub use size::size;
pub use summary::Summary;

pub use crate::apply::{AppliedFix, SkippedFix};

use crate::model::Refusal;
use crate::rule::{Diagnostic, RuleMeta, yielding};
use crate::source::SourceFile;

/// The ways to draw a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Source lines with the words underlined.
    #[default]
    Text,
    /// One line a finding.
    Concise,
    /// mbopt's own JSON, versioned.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// GitHub Actions workflow commands.
    Github,
    /// A Code Climate report, as GitLab takes it.
    CodeClimate,
    /// Checkstyle's XML.
    Checkstyle,
    /// JUnit's XML.
    Junit,
    /// Tables for summaries and comments.
    Markdown,
    /// How often each rule found something, in place of the findings.
    Statistics {
        /// As JSON.
        json: bool,
    },
}

/// What is known of one file after it was linted, and perhaps mended.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// The path as the user wrote it; `-` or the given name for standard input.
    pub path: String,
    /// The text that the findings speak of: after fixes, where fixes were applied. None where the
    /// file could not be read.
    pub source: Option<SourceFile>,
    /// Findings in order of their place, what BuildKit refuses included (as [`INVALID`]).
    pub diagnostics: Vec<Diagnostic>,
    /// Why BuildKit would refuse the file.
    pub refusals: Vec<Refusal>,
    /// Findings left out because they were known before.
    pub known: usize,
    /// Fixes applied.
    pub fixed: Vec<AppliedFix>,
    /// Fixes wanted and left.
    pub skipped: Vec<SkippedFix>,
    /// What could not be looked at, and the like.
    pub notes: Vec<String>,
    /// Why the file could not be linted or written.
    pub error: Option<String>,
}

impl FileReport {
    /// A file that was linted; the refusals become findings and all are put in order.
    pub fn new(
        path: impl Into<String>,
        source: SourceFile,
        mut diagnostics: Vec<Diagnostic>,
        refusals: Vec<Refusal>,
    ) -> Self {
        let said = yielding::settle_refusals(&mut diagnostics, &refusals);
        let unsaid = refusals.iter().zip(said).filter(|(_, said)| !said);
        diagnostics.extend(unsaid.map(|(r, _)| refused::finding(r, &source)));
        diagnostics
            .sort_by(|a, b| (a.primary.span, b.severity, a.rule.id).cmp(&(b.primary.span, a.severity, b.rule.id)));
        FileReport {
            path: path.into(),
            source: Some(source),
            diagnostics,
            refusals,
            known: 0,
            fixed: Vec::new(),
            skipped: Vec::new(),
            notes: Vec::new(),
            error: None,
        }
    }

    /// A file that could not be linted.
    pub fn failed(path: impl Into<String>, error: impl Into<String>) -> Self {
        FileReport {
            path: path.into(),
            source: None,
            diagnostics: Vec::new(),
            refusals: Vec::new(),
            known: 0,
            fixed: Vec::new(),
            skipped: Vec::new(),
            notes: Vec::new(),
            error: Some(error.into()),
        }
    }

    /// Whether BuildKit would refuse the file whatever its context and arguments are.
    pub fn refused(&self) -> bool {
        self.refusals
            .iter()
            .any(|r| r.phase != crate::model::refusal::Phase::Context)
    }
}

/// Draws reports in one format. What it draws for a file depends on that file alone.
pub trait Reporter: Sync {
    /// What comes before the first file.
    fn start(&self, _out: &mut Vec<u8>) {}
    /// One file. Appends nothing where there is nothing to say.
    fn file(&self, report: &FileReport, out: &mut Vec<u8>);
    /// What comes between what two files appended.
    fn separator(&self) -> &'static str {
        ""
    }
    /// What comes behind the last file.
    fn finish(&self, summary: &Summary, out: &mut Vec<u8>);
}

/// The reporter for a format. `colour` matters to [`Format::Text`] and [`Format::Concise`] only;
/// `rules` are all rules that can fire, for the formats that list them; `quiet` leaves out the
/// closing line for people.
pub fn reporter(format: Format, colour: bool, quiet: bool, rules: &[&'static RuleMeta]) -> Box<dyn Reporter> {
    match format {
        Format::Text => Box::new(text::Text::new(colour, quiet)),
        Format::Concise => Box::new(concise::Concise::new(colour, quiet)),
        Format::Json => Box::new(json::Json),
        Format::Sarif => Box::new(sarif::Sarif::new(rules)),
        Format::Github => Box::new(github::Github),
        Format::CodeClimate => Box::new(codeclimate::CodeClimate),
        Format::Checkstyle => Box::new(checkstyle::Checkstyle),
        Format::Junit => Box::new(junit::Junit),
        Format::Markdown => Box::new(markdown::Markdown::new(quiet)),
        Format::Statistics { json } => Box::new(statistics::Statistics::new(json, quiet)),
    }
}

/// Message and help as one line, for formats that have no place for help of its own.
fn sentence(diagnostic: &Diagnostic) -> String {
    match &diagnostic.help {
        Some(help) => format!("{}. {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    }
}

/// The word for a severity, the same in every format.
pub(crate) fn severity_word(severity: crate::rule::Severity) -> &'static str {
    use crate::rule::Severity;
    match severity {
        Severity::Style => "style",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Appends a value as JSON.
fn append_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Neither the writer nor our types can fail: keys are strings, numbers are finite.
    let _ = serde_json::to_writer(out, value);
}
