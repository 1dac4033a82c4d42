//! Findings and rules in the protocol's words.

use super::document::Document;
use crate::edit::Applicability;
use crate::rule::{Diagnostic, RuleMeta, Severity};
use lsp_types::{CodeDescription, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Uri};

/// A finding as the editor shows it.
pub fn diagnostic(finding: &Diagnostic, document: &Document) -> lsp_types::Diagnostic {
    let range = |span| document.index.range(&document.text, span);
    let severity = match finding.severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Info => DiagnosticSeverity::INFORMATION,
        Severity::Style => DiagnosticSeverity::HINT,
    };
    let mut message = finding.message.clone();
    if let Some(help) = &finding.help {
        message.push('\n');
        message.push_str(help);
    }
    let related = finding.related.iter().map(|label| DiagnosticRelatedInformation {
        location: Location::new(document.uri.clone(), range(label.span)),
        message: label.message.clone(),
    });
    lsp_types::Diagnostic {
        range: range(finding.primary.span),
        severity: Some(severity),
        code: Some(NumberOrString::String(finding.rule.id.to_owned())),
        code_description: link(finding.rule).map(|href| CodeDescription { href }),
        source: Some("mbopt".to_owned()),
        message,
        related_information: (!finding.related.is_empty()).then(|| related.collect()),
        tags: None,
        data: None,
    }
}

/// Where a rule's facts can be read up.
fn link(rule: &RuleMeta) -> Option<Uri> {
    rule.references
        .iter()
        .find(|reference| reference.starts_with("https://"))
        .and_then(|reference| reference.parse().ok())
}

/// What a rule says of itself, as Markdown.
pub fn documentation(rule: &RuleMeta) -> String {
    let mut out = format!(
        "**{}**: {}\n\n{}\n\n{}",
        rule.id,
        rule.summary,
        rule.what.trim(),
        rule.why.trim()
    );
    let trust = match rule.fixable {
        Some(Applicability::Safe) => "safe",
        Some(Applicability::Unsafe) => "unsafe: the image may behave differently",
        Some(Applicability::DisplayOnly) => "to be made by hand",
        None => "",
    };
    if !trust.is_empty() {
        out.push_str(&format!("\n\n**Fix** ({trust}). {}", rule.fix_safety.trim()));
    }
    if !rule.aliases.is_empty() {
        out.push_str(&format!("\n\nAlso known as {}.", rule.aliases.join(", ")));
    }
    for reference in rule
        .references
        .iter()
        .filter(|reference| reference.starts_with("https://"))
    {
        out.push_str(&format!("\n\n<{reference}>"));
    }
    out
}
