//! What a rule finds.

use super::meta::RuleMeta;
use crate::edit::Fix;
use crate::source::Span;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A matter of taste or consistency.
    Style,
    /// Worth knowing.
    Info,
    /// Should be mended.
    Warning,
    /// Wrong: the build fails or the image does not do what the file says.
    Error,
}

/// A place, with words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The very words it speaks of.
    pub span: Span,
    /// What is to be seen there; may be empty for the primary label.
    pub message: String,
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The rule that found it.
    pub rule: &'static RuleMeta,
    /// The severity in force (the rule's own, or the config's).
    pub severity: Severity,
    /// One sentence, without a final full stop.
    pub message: String,
    /// The words it is about.
    pub primary: Label,
    /// Related places in the same file.
    pub related: Vec<Label>,
    /// One line on what to do.
    pub help: Option<String>,
    /// The change that mends it.
    pub fix: Option<Fix>,
}
