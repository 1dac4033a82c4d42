//! How often each rule found something, in place of the findings (`--statistics`).

use super::{FileReport, Reporter, Summary};
use crate::edit::Applicability;
use crate::rule::{RuleMeta, Severity};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// What was counted of a rule.
#[derive(Debug, Clone, Serialize)]
struct Count {
    rule: &'static str,
    severity: Severity,
    findings: usize,
    files: usize,
    fixable: usize,
    fixable_unsafe: usize,
    summary: &'static str,
}

/// Counts, as a table or as JSON. Files are drawn in any order; sums do not mind.
pub(super) struct Statistics {
    json: bool,
    quiet: bool,
    counts: Mutex<BTreeMap<&'static str, Count>>,
}

impl Statistics {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        Statistics {
            json,
            quiet,
            counts: Mutex::default(),
        }
    }

    /// The most frequent first.
    fn sorted(&self) -> Vec<Count> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Count> = counts.values().cloned().collect();
        all.sort_by(|a, b| (b.findings, a.rule).cmp(&(a.findings, b.rule)));
        all
    }
}

fn empty(rule: &'static RuleMeta, severity: Severity) -> Count {
    Count {
        rule: rule.id,
        severity,
        findings: 0,
        files: 0,
        fixable: 0,
        fixable_unsafe: 0,
        summary: rule.summary,
    }
}

impl Reporter for Statistics {
    fn file(&self, report: &FileReport, _out: &mut Vec<u8>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = std::collections::HashSet::new();
        for diagnostic in &report.diagnostics {
            let count = counts
                .entry(diagnostic.rule.id)
                .or_insert_with(|| empty(diagnostic.rule, diagnostic.severity));
            count.severity = count.severity.max(diagnostic.severity);
            count.findings += 1;
            count.files += usize::from(seen.insert(diagnostic.rule.id));
            match diagnostic.fix.as_ref().map(|fix| fix.applicability) {
                Some(Applicability::Safe) => count.fixable += 1,
                Some(Applicability::Unsafe) => count.fixable_unsafe += 1,
                Some(Applicability::DisplayOnly) | None => {}
            }
        }
    }

    fn finish(&self, summary: &Summary, out: &mut Vec<u8>) {
        let all = self.sorted();
        if self.json {
            super::append_json(
                out,
                &serde_json::json!({ "version": 1, "rules": all, "summary": summary }),
            );
            out.push(b'\n');
            return;
        }
        let width = all.iter().map(|count| count.rule.len()).max().unwrap_or(0);
        let digits = all.first().map_or(1, |count| count.findings.to_string().len());
        for count in &all {
            let mark = match (count.fixable, count.fixable_unsafe) {
                (0, 0) => "   ",
                (0, _) => "[~]",
                _ => "[*]",
            };
            // Writing to a vector cannot fail, here and below.
            let _ = writeln!(
                out,
                "{:>digits$}  {:<width$}  {mark}  {}",
                count.findings, count.rule, count.summary
            );
        }
        if !self.quiet && summary.files > 0 {
            if all.iter().any(|count| count.fixable + count.fixable_unsafe > 0) {
                let _ = writeln!(out, "[*] fixable with --fix, [~] with --fix --unsafe-fixes");
            }
            let _ = writeln!(out, "{summary}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::{Edit, Fix};
    use crate::report::sample::{self, at};
    use crate::source::SourceFile;

    fn reports() -> Vec<FileReport> {
        let text = "FROM a\nRUN needle\n";
        let mut finding = sample::warning(at(text, "needle"), "found");
        finding.fix = Some(Fix::unsafe_("drop", vec![Edit::delete(at(text, "needle"))]));
        let mut other = sample::warning(at(text, "a"), "found");
        other.rule = &super::super::INVALID;
        vec![
            FileReport::new(
                "a",
                SourceFile::new("x", text),
                vec![finding.clone(), other],
                Vec::new(),
            ),
            FileReport::new("b", SourceFile::new("x", text), vec![finding], Vec::new()),
        ]
    }

    #[test]
    fn rules_are_counted_the_most_frequent_first() {
        assert_eq!(
            sample::drawn(&Statistics::new(false, false), &reports()),
            "2  sample-rule         [~]  A rule for tests\n\
             1  invalid-dockerfile       BuildKit refuses this file\n\
             [*] fixable with --fix, [~] with --fix --unsafe-fixes\n\
             3 findings (3 warnings) in 2 files; 2 fixable with --fix --unsafe-fixes\n"
        );
    }

    #[test]
    fn programs_get_the_same_as_json() {
        let drawn = sample::drawn(&Statistics::new(true, true), &reports());
        let value: serde_json::Value = serde_json::from_str(&drawn).expect("JSON");
        assert_eq!(value["rules"][0]["rule"], "sample-rule");
        assert_eq!(value["rules"][0]["files"], 2);
        assert_eq!(value["rules"][0]["fixable_unsafe"], 2);
        assert_eq!(value["summary"]["files"], 2);
    }
}
