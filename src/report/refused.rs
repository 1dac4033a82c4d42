//! What BuildKit refuses, shown as a finding of a rule that cannot be switched off.

use crate::model::Refusal;
use crate::model::refusal::Phase;
use crate::rule::{Diagnostic, Label, RuleMeta, Severity};
use crate::source::{SourceFile, Span};

/// The pseudo-rule under which refusals are reported.
pub static INVALID: RuleMeta = RuleMeta {
    id: "invalid-dockerfile",
    summary: "BuildKit refuses this file",
    category: "correctness",
    severity: Severity::Error,
    enabled: true,
    aliases: &[],
    yields_to: &[],
    what: "A file that BuildKit does not build: a line that is no instruction, a flag that it does not know, a stage that does not exist.",
    why: "The build stops with an error. The other findings in the file are still reported as far as it can be understood.",
    fixable: None,
    fix_safety: "",
    options: &[],
    references: &["https://docs.docker.com/reference/dockerfile/"],
    examples: &[],
};

/// A refusal as a finding: an error, or a warning where another context or other build arguments
/// could let the file pass.
pub fn finding(refusal: &Refusal, source: &SourceFile) -> Diagnostic {
    // Where only BuildKit's line is known, the line's text is the place.
    let span = match refusal.line {
        Some(line) if refusal.span.is_empty() && refusal.span.start == 0 && line > 1 => {
            let whole = source.lines().span(line);
            let text = source.slice(whole);
            let lead = text.len() - text.trim_start().len();
            Span::new(whole.start + lead, whole.start + text.trim_end().len().max(lead))
        }
        _ => refusal.span,
    };
    Diagnostic {
        rule: &INVALID,
        severity: if refusal.phase == Phase::Context {
            Severity::Warning
        } else {
            Severity::Error
        },
        message: refusal.message.clone(),
        primary: Label {
            span,
            message: String::new(),
        },
        related: Vec::new(),
        help: None,
        fix: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(phase: Phase, line: Option<usize>) -> Refusal {
        Refusal {
            phase,
            message: "unknown instruction: FRM".into(),
            span: Span::at(0),
            line,
        }
    }

    #[test]
    fn the_named_line_is_the_place_where_no_words_are_known() {
        let source = SourceFile::new("Dockerfile", "FROM a\n  FRM b  \n");
        let finding = finding(&refusal(Phase::Parse, Some(2)), &source);
        assert_eq!(source.slice(finding.primary.span), "FRM b");
        assert_eq!(finding.severity, Severity::Error);
    }

    #[test]
    fn what_a_context_could_change_is_a_warning() {
        let source = SourceFile::new("Dockerfile", "FROM a\n");
        assert_eq!(
            finding(&refusal(Phase::Context, None), &source).severity,
            Severity::Warning
        );
    }
}
