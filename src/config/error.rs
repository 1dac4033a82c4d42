//! What is wrong with a settings file, with the place.

use super::yaml;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use std::fmt;

/// One thing that is wrong with a settings file.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    message: String,
    label: String,
    help: Option<String>,
    text: NamedSource<String>,
    start: usize,
    len: usize,
    line: usize,
    column: usize,
}

impl ConfigError {
    /// The settings file, as it was named.
    pub fn file(&self) -> &str {
        self.text.name()
    }

    /// Line of the place, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Column of the place, from 1, in characters.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What to do, where that can be said.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new(Some(self.label.clone()), self.start, self.len);
        Some(Box::new(std::iter::once(label)))
    }
}

/// All that is wrong with a settings file and those it extends; never empty.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the settings cannot be used: {}", count(.errors.len()))]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// The errors, in the order of the text.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }
}

impl Diagnostic for ConfigErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.errors.iter().map(|error| error as &dyn Diagnostic)))
    }
}

fn count(errors: usize) -> String {
    if errors == 1 {
        "1 error".to_owned()
    } else {
        format!("{errors} errors")
    }
}

/// A settings file's name and text.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub name: String,
    pub text: String,
}

/// A node of one of the files that make up the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub file: usize,
    pub node: usize,
}

/// Where a problem is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Node(Mark),
    Offset { file: usize, offset: usize },
}

/// A problem, before its place is looked up.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub place: Place,
    pub message: String,
    pub label: String,
    pub help: Option<String>,
}

/// So many problems are reported; each costs a look through its file.
const MOST: usize = 50;

/// Looks the places up; none where there are no problems.
pub(super) fn report(sources: &[Source], problems: Vec<Problem>) -> Option<ConfigErrors> {
    let mut errors: Vec<(usize, ConfigError)> = Vec::new();
    for problem in problems.into_iter().take(MOST) {
        let (file, start) = match problem.place {
            Place::Offset { file, offset } => (file, Some(offset)),
            Place::Node(mark) => (
                mark.file,
                sources
                    .get(mark.file)
                    .and_then(|source| yaml::locate(&source.text, mark.node)),
            ),
        };
        let Some(source) = sources.get(file) else {
            continue;
        };
        let start = start.unwrap_or(0).min(source.text.len());
        let before = source.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        errors.push((
            file,
            ConfigError {
                message: problem.message,
                label: problem.label,
                help: problem.help,
                line: before.matches('\n').count() + 1,
                column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
                start,
                len: word_len(source.text.get(start..).unwrap_or_default()),
                text: NamedSource::new(&source.name, source.text.clone()),
            },
        ));
    }
    errors.sort_by_key(|(file, error)| (*file, error.start));
    let errors: Vec<ConfigError> = errors.into_iter().map(|(_, error)| error).collect();
    (!errors.is_empty()).then_some(ConfigErrors { errors })
}

/// How many bytes to underline: a quoted text, else up to what ends a plain scalar on its line.
fn word_len(rest: &str) -> usize {
    let line = rest.lines().next().unwrap_or_default();
    if let Some(quote) = line.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = line.get(1..).and_then(|inner| inner.find(quote));
        return end.map_or(line.len(), |at| at + 2);
    }
    let ends = [": ", " #", ", ", "]", "}"].iter().filter_map(|end| line.find(end));
    let end = ends.min().unwrap_or(line.len());
    line.get(..end).unwrap_or(line).trim_end_matches(':').trim_end().len()
}
