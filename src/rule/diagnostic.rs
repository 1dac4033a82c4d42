//! What a rule finds.

use super::meta::RuleMeta;
use crate::config::Level;
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

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Style => Severity::Style,
            Level::Info => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        }
    }
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

/// A finding on its way to becoming a [`Diagnostic`].
#[derive(Debug, Clone)]
pub struct Finding {
    /// One sentence, without a final full stop.
    pub message: String,
    /// The words it is about.
    pub primary: Label,
    /// Related places.
    pub related: Vec<Label>,
    /// One line on what to do.
    pub help: Option<String>,
    /// The change that mends it.
    pub fix: Option<Fix>,
    /// How bad it is, where that is not the rule's own severity. The config goes before it.
    pub severity: Option<Severity>,
}

impl Finding {
    /// A finding at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Finding {
            message: message.into(),
            primary: Label {
                span,
                message: String::new(),
            },
            related: Vec::new(),
            help: None,
            fix: None,
            severity: None,
        }
    }

    /// With a severity of its own.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// With words at the primary place.
    pub fn label(mut self, message: impl Into<String>) -> Self {
        self.primary.message = message.into();
        self
    }

    /// With a related place.
    pub fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push(Label {
            span,
            message: message.into(),
        });
        self
    }

    /// With one line on what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a fix.
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}
