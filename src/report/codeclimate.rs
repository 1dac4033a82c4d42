//! A Code Climate report as one JSON array, which GitLab takes as a code quality artifact.
//!
//! GitLab needs `description`, `check_name`, `fingerprint`, `severity`, `location.path` and
//! `location.lines.begin` or `location.positions.begin.line`
//! (<https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>); the rest is Code
//! Climate's own specification of an issue.

use super::fingerprint::Distinct;
use super::github::slashes;
use super::place::Locator;
use super::{FileReport, Reporter, Summary};
use crate::rule::{Diagnostic, RuleMeta, Severity};
use serde_json::{Value, json};

/// The codeclimate format.
pub(super) struct CodeClimate;

/// Code Climate's word for what a rule is about.
fn category(rule: &RuleMeta) -> &'static str {
    match rule.category {
        "security" => "Security",
        "size" | "cache" => "Performance",
        "style" => "Style",
        "reproducibility" => "Compatibility",
        _ => "Bug Risk",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "critical",
        Severity::Warning => "major",
        Severity::Info => "minor",
        Severity::Style => "info",
    }
}

fn issue(diagnostic: &Diagnostic, path: &str, fingerprint: &str, locator: &Locator) -> Value {
    let place = locator.place(diagnostic.primary.span);
    let rule = diagnostic.rule;
    json!({
        "type": "issue",
        "check_name": rule.id,
        "description": super::sentence(diagnostic),
        "content": { "body": format!("{}\n\n{}", rule.what.trim(), rule.why.trim()) },
        "categories": [category(rule)],
        "severity": severity(diagnostic.severity),
        "fingerprint": fingerprint,
        "location": {
            "path": path,
            "positions": {
                "begin": { "line": place.line, "column": place.column },
                "end": { "line": place.end_line, "column": place.end_column },
            },
        },
    })
}

impl Reporter for CodeClimate {
    fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[\n");
    }

    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        let path = slashes(&report.path);
        let path = path.strip_prefix("./").unwrap_or(&path);
        let mut distinct = Distinct::new(path);
        let mut issues = Vec::new();
        if let Some(source) = &report.source {
            let locator = Locator::new(source);
            for diagnostic in &report.diagnostics {
                issues.push(issue(diagnostic, path, &distinct.next(diagnostic, source), &locator));
            }
        }
        for (i, issue) in issues.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(self.separator().as_bytes());
            }
            super::append_json(out, issue);
        }
    }

    fn separator(&self) -> &'static str {
        ",\n"
    }

    fn finish(&self, _summary: &Summary, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, at};
    use crate::source::SourceFile;

    #[test]
    fn has_what_gitlab_needs_and_distinct_fingerprints() {
        let text = "FROM a\nRUN needle\n";
        let finding = sample::warning(at(text, "needle"), "found");
        let report = FileReport::new(
            "./d/Dockerfile",
            SourceFile::new("x", text),
            vec![finding.clone(), finding],
            Vec::new(),
        );
        let clean = FileReport::new("clean", SourceFile::new("x", text), Vec::new(), Vec::new());
        let drawn = sample::drawn(&CodeClimate, &[clean.clone(), report.clone(), clean, report]);
        let issues: Vec<Value> = serde_json::from_str(&drawn).expect("an array");
        assert_eq!(issues.len(), 4);
        assert_eq!(issues[0]["check_name"], "sample-rule");
        assert_eq!(issues[0]["severity"], "major");
        assert_eq!(issues[0]["location"]["path"], "d/Dockerfile");
        assert_eq!(
            issues[0]["location"]["positions"]["begin"],
            json!({"line": 2, "column": 5})
        );
        assert_ne!(issues[0]["fingerprint"], issues[1]["fingerprint"]);
        assert_eq!(sample::drawn(&CodeClimate, &[]), "[\n\n]\n");
    }
}
