//! Findings made by hand, for the tests of the formats.

use super::{FileReport, Reporter, Summary};
use crate::edit::Applicability;
use crate::rule::meta::Example;
use crate::rule::{Diagnostic, Label, RuleMeta, Severity};
use crate::source::Span;

pub(crate) static RULE: RuleMeta = RuleMeta {
    id: "sample-rule",
    summary: "A rule for tests",
    category: "correctness",
    severity: Severity::Warning,
    enabled: true,
    aliases: &["DL9999", "SampleRule"],
    yields_to: &[],
    what: "Finds **samples**.",
    why: "Tests need them.",
    fixable: Some(Applicability::Safe),
    fix_safety: "Always safe.",
    options: &[],
    references: &["https://example.com/sample"],
    examples: &[Example {
        title: "",
        bad: "FROM a\n",
        good: "FROM b\n",
        context: &[],
        creates: &[],
        options: &[],
    }],
};

/// A warning of [`RULE`] at `span`.
pub(crate) fn warning(span: Span, message: &str) -> Diagnostic {
    Diagnostic {
        rule: &RULE,
        severity: Severity::Warning,
        message: message.into(),
        primary: Label {
            span,
            message: String::new(),
        },
        related: Vec::new(),
        help: None,
        fix: None,
    }
}

/// Where `words` first occur in `text`.
pub(crate) fn at(text: &str, words: &str) -> Span {
    let start = text.find(words).expect("the words are in the text");
    Span::new(start, start + words.len())
}

/// The whole report over these files, put together as a run does it.
pub(crate) fn drawn(reporter: &dyn Reporter, reports: &[FileReport]) -> String {
    let mut out = Vec::new();
    let mut summary = Summary::default();
    let mut begun = false;
    reporter.start(&mut out);
    for report in reports {
        summary.add(report);
        let mut part = Vec::new();
        reporter.file(report, &mut part);
        if !part.is_empty() && begun {
            out.extend_from_slice(reporter.separator().as_bytes());
        }
        begun |= !part.is_empty();
        out.extend(part);
    }
    reporter.finish(&summary, &mut out);
    String::from_utf8(out).expect("UTF-8")
}
