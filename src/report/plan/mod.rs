//! What `mbopt plan` prints: the reasoning for people, for programs, and the stages as a picture.

mod json;
mod picture;
mod svg;
mod text;

use crate::edit::Applicability;
use crate::model::Dockerfile;
use crate::plan::{Evidence, EvidenceSource, Level, Plan};

/// The ways to draw a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlanFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// The stages, for Markdown.
    Mermaid,
    /// The stages, for Graphviz.
    Dot,
    /// The stages, for a browser.
    Svg,
}

/// Draws a plan. The text ends with a line end.
pub fn draw(file: &Dockerfile, plan: &Plan, format: PlanFormat) -> String {
    match format {
        PlanFormat::Text => text::draw(file, plan),
        PlanFormat::Json => json::draw(file, plan),
        PlanFormat::Mermaid => picture::Graph::of(file, plan).mermaid(),
        PlanFormat::Dot => picture::Graph::of(file, plan).dot(),
        PlanFormat::Svg => svg::draw(&picture::Graph::of(file, plan)),
    }
}

/// A Dockerfile's stages as a picture, SVG.
pub fn stages(file: &Dockerfile) -> String {
    svg::draw(&picture::Graph::of_file(file))
}

/// A level's name, as options and settings write it.
pub fn level_name(level: Level) -> &'static str {
    match level {
        Level::Order => "order",
        Level::Slim => "slim",
        Level::Application => "application",
        Level::Artifacts => "artifacts",
    }
}

/// How far a rewrite can be trusted, in a word.
pub fn applicability_name(applicability: Applicability) -> &'static str {
    match applicability {
        Applicability::Safe => "safe",
        Applicability::Unsafe => "unsafe",
        Applicability::DisplayOnly => "display-only",
    }
}

/// Where evidence was read, in a few words.
fn source_name(file: &Dockerfile, evidence: &Evidence) -> String {
    let numbered = |path: &String, line: &Option<usize>| match line {
        Some(line) => format!("{path}:{line}"),
        None => path.clone(),
    };
    match &evidence.from {
        EvidenceSource::Command(span) | EvidenceSource::Cmd(span) | EvidenceSource::Comment(span) => {
            format!("line {}", file.source.lines().line(span.start))
        }
        EvidenceSource::Manifest { path, line } | EvidenceSource::SourceFile { path, line } => numbered(path, line),
        EvidenceSource::ImageTable => "table of images".to_owned(),
        EvidenceSource::PackageTable => "table of packages".to_owned(),
        EvidenceSource::ToolDefault => String::new(),
        EvidenceSource::Observed => "a build".to_owned(),
    }
}
