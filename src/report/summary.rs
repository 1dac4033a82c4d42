//! Counting what was found.

use super::FileReport;
use crate::edit::Applicability;
use crate::rule::Severity;
use serde::Serialize;
use std::fmt;

/// Counts over all files of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Files looked at, those that failed included.
    pub files: usize,
    /// Files with at least one finding.
    pub files_with_findings: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings of severity info.
    pub infos: usize,
    /// Findings of severity style.
    pub styles: usize,
    /// Findings with a safe fix.
    pub fixable: usize,
    /// Findings with an unsafe fix.
    pub fixable_unsafe: usize,
    /// Findings left out because they were known before.
    pub known: usize,
    /// Fixes applied.
    pub fixed: usize,
    /// Fixes wanted and left.
    pub skipped: usize,
    /// Files that BuildKit would refuse.
    pub refused: usize,
    /// Files that could not be linted or written.
    pub failed: usize,
    /// Which they are, and why.
    #[serde(skip)]
    pub failures: Vec<(String, String)>,
}

impl Summary {
    /// Counts one more file.
    pub fn add(&mut self, report: &FileReport) {
        self.files += 1;
        self.files_with_findings += usize::from(!report.diagnostics.is_empty());
        self.known += report.known;
        self.fixed += report.fixed.len();
        self.skipped += report.skipped.iter().filter(|fix| !fix.reason.is_unasked()).count();
        self.refused += usize::from(report.refused());
        if let Some(error) = &report.error {
            self.failed += 1;
            self.failures.push((report.path.clone(), error.clone()));
        }
        for diagnostic in &report.diagnostics {
            match diagnostic.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
                Severity::Info => self.infos += 1,
                Severity::Style => self.styles += 1,
            }
            match diagnostic.fix.as_ref().map(|fix| fix.applicability) {
                Some(Applicability::Safe) => self.fixable += 1,
                Some(Applicability::Unsafe) => self.fixable_unsafe += 1,
                Some(Applicability::DisplayOnly) | None => {}
            }
        }
    }

    /// All findings.
    pub fn findings(&self) -> usize {
        self.errors + self.warnings + self.infos + self.styles
    }

    /// Findings at or above a severity.
    pub fn at_least(&self, severity: Severity) -> usize {
        [
            (Severity::Error, self.errors),
            (Severity::Warning, self.warnings),
            (Severity::Info, self.infos),
            (Severity::Style, self.styles),
        ]
        .iter()
        .filter(|(s, _)| *s >= severity)
        .map(|(_, count)| count)
        .sum()
    }
}

/// `1 file`, `2 files`.
fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// `1 fix`, `2 fixes`.
fn fixes(count: usize) -> String {
    format!("{count} fix{}", if count == 1 { "" } else { "es" })
}

impl fmt::Display for Summary {
    /// One line for people, without a final full stop; empty where there was nothing to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.fixed > 0 {
            parts.push(format!("{} applied", fixes(self.fixed)));
        }
        if self.skipped > 0 {
            parts.push(format!("{} left out", fixes(self.skipped)));
        }
        match (self.findings(), self.files - self.failed) {
            (0, 0) => {}
            (0, done) => parts.push(format!("no findings in {}", counted(done, "file"))),
            (findings, _) => {
                // "info" and "style" are mass nouns here.
                let by_severity: Vec<String> = [
                    (self.errors > 0).then(|| counted(self.errors, "error")),
                    (self.warnings > 0).then(|| counted(self.warnings, "warning")),
                    (self.infos > 0).then(|| format!("{} info", self.infos)),
                    (self.styles > 0).then(|| format!("{} style", self.styles)),
                ]
                .into_iter()
                .flatten()
                .collect();
                let files = match self.files_with_findings {
                    n if n == self.files => counted(n, "file"),
                    n => format!("{n} of {}", counted(self.files, "file")),
                };
                parts.push(format!(
                    "{} ({}) in {files}",
                    counted(findings, "finding"),
                    by_severity.join(", ")
                ));
            }
        }
        if self.known > 0 {
            parts.push(format!("{} left out", counted(self.known, "known finding")));
        }
        match (self.fixable, self.fixable_unsafe) {
            (0, 0) => {}
            (safe, 0) => parts.push(format!("{safe} fixable with --fix")),
            (0, more) => parts.push(format!("{more} fixable with --fix --unsafe-fixes")),
            (safe, more) => parts.push(format!("{safe} fixable with --fix, {more} more with --unsafe-fixes")),
        }
        if self.failed > 0 {
            parts.push(format!("{} could not be done", counted(self.failed, "file")));
        }
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_can_be_fixed() {
        let summary = Summary {
            files: 3,
            files_with_findings: 2,
            errors: 1,
            warnings: 2,
            fixable: 1,
            fixable_unsafe: 1,
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "3 findings (1 error, 2 warnings) in 2 of 3 files; 1 fixable with --fix, 1 more with --unsafe-fixes"
        );
        let summary = Summary {
            files: 2,
            failed: 1,
            fixed: 2,
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "2 fixes applied; no findings in 1 file; 1 file could not be done"
        );
        let summary = Summary {
            files: 1,
            failed: 1,
            ..Summary::default()
        };
        assert_eq!(summary.to_string(), "1 file could not be done");
        assert_eq!(Summary::default().to_string(), "");
    }

    #[test]
    fn counts_from_a_severity_upward() {
        let summary = Summary {
            errors: 1,
            warnings: 2,
            infos: 4,
            styles: 8,
            ..Summary::default()
        };
        assert_eq!(summary.at_least(Severity::Error), 1);
        assert_eq!(summary.at_least(Severity::Warning), 3);
        assert_eq!(summary.at_least(Severity::Info), 7);
        assert_eq!(summary.at_least(Severity::Style), 15);
    }
}
