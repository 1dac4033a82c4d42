//! One table for many projects.

use super::super::markdown::cell;
use super::{change, size};
use crate::report::visible;
use crate::verify::{Report, Verdict};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;

/// One project's line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its Dockerfile.
    pub dockerfile: String,
    /// What came of it; none where it could not be verified at all.
    pub verdict: Option<&'static str>,
    /// Bytes unpacked, before and after.
    pub before: Option<u64>,
    /// As above.
    pub after: Option<u64>,
    /// The part that went.
    pub reduction: Option<f64>,
    /// The rewrite that the verdict is about.
    pub candidate: String,
    /// Why, in a sentence.
    pub reason: String,
}

const VERDICTS: [Verdict; 5] = [
    Verdict::Smaller,
    Verdict::NotSmaller,
    Verdict::Broken,
    Verdict::OriginalFails,
    Verdict::NotVerified,
];

/// A verdict as JSON has it.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Smaller => "smaller",
        Verdict::NotSmaller => "not-smaller",
        Verdict::Broken => "broken",
        Verdict::OriginalFails => "original-fails",
        Verdict::NotVerified => "not-verified",
    }
}

impl Row {
    /// From a report.
    pub fn of(report: &Report) -> Row {
        Row {
            dockerfile: report.dockerfile.clone(),
            verdict: Some(word(report.verdict)),
            before: report.before.as_ref().map(|image| image.unpacked_bytes),
            after: report.after.as_ref().map(|image| image.unpacked_bytes),
            reduction: report.reduction,
            candidate: report
                .candidates
                .last()
                .map(|taken| taken.name.clone())
                .unwrap_or_default(),
            reason: report.reason.clone(),
        }
    }

    /// From a line that an earlier run wrote.
    pub fn of_json(value: &Value) -> Option<Row> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let bytes = |name: &str| value.get(name)?.get("unpacked_bytes")?.as_u64();
        let said = text("verdict");
        let last = |list: &Value| list.as_array()?.last()?.get("name")?.as_str().map(str::to_owned);
        Some(Row {
            dockerfile: value.get("dockerfile")?.as_str()?.to_owned(),
            verdict: VERDICTS.into_iter().map(word).find(|word| *word == said),
            before: bytes("before"),
            after: bytes("after"),
            reduction: value.get("reduction").and_then(Value::as_f64),
            candidate: value.get("candidates").and_then(last).unwrap_or_default(),
            reason: match text("error") {
                error if error.is_empty() => text("reason"),
                error => error,
            },
        })
    }

    /// Where it could not be verified at all.
    pub fn failed(dockerfile: &str, why: &str) -> Row {
        Row {
            dockerfile: dockerfile.to_owned(),
            verdict: None,
            before: None,
            after: None,
            reduction: None,
            candidate: String::new(),
            reason: why.to_owned(),
        }
    }

    /// Its verdict.
    pub fn verdict(&self) -> Option<Verdict> {
        VERDICTS
            .into_iter()
            .find(|verdict| self.verdict == Some(word(*verdict)))
    }

    fn change(&self) -> String {
        match self.verdict() {
            Some(Verdict::Smaller | Verdict::NotSmaller) => self.reduction.map(change).unwrap_or_default(),
            _ => String::new(),
        }
    }

    fn said(&self) -> &'static str {
        self.verdict().map_or("failed", Verdict::as_str)
    }

    /// For people, as soon as it is known.
    pub fn line(&self) -> String {
        let detail = match self.verdict() {
            Some(Verdict::Smaller) => self.change(),
            _ => cut(&self.reason, 100),
        };
        format!("{}: {} {}", visible(&self.dockerfile), self.said(), visible(&detail))
    }
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    let text = text.lines().next().unwrap_or_default();
    match text.chars().count() > most {
        true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// For a terminal.
pub fn table(rows: &[Row]) -> String {
    let width = rows
        .iter()
        .map(|row| row.dockerfile.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(10, 60);
    let mut out = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        out,
        "{:<width$}  {:<18} {:>8} {:>8} {:>8}  what",
        "dockerfile", "verdict", "before", "after", "change"
    );
    for row in rows {
        let bytes = |bytes: Option<u64>| bytes.map(size).unwrap_or_else(|| "-".to_owned());
        let what = match row.verdict() {
            Some(Verdict::Smaller) => row.candidate.clone(),
            _ => row.reason.clone(),
        };
        let _ = writeln!(
            out,
            "{:<width$}  {:<18} {:>8} {:>8} {:>8}  {}",
            visible(&row.dockerfile),
            row.said(),
            bytes(row.before),
            bytes(row.after),
            row.change(),
            visible(&cut(&what, 90))
        );
    }
    let _ = writeln!(out, "\n{}", summary(rows));
    out
}

/// For a pull request or a job's summary.
pub fn markdown(rows: &[Row]) -> String {
    let mut out = String::from("| Dockerfile | verdict | before | after | change | |\n|---|---|---:|---:|---:|---|\n");
    for row in rows {
        let bytes = |bytes: Option<u64>| bytes.map(size).unwrap_or_default();
        let what = match row.verdict() {
            Some(Verdict::Smaller) => &row.candidate,
            _ => &row.reason,
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            cell(&row.dockerfile),
            row.said(),
            bytes(row.before),
            bytes(row.after),
            row.change(),
            cell(&cut(what, 160))
        );
    }
    let _ = writeln!(out, "\n{}", summary(rows));
    out
}

/// How many came out how, and what the smaller ones save.
fn summary(rows: &[Row]) -> String {
    let mut parts = vec![format!("{} projects", rows.len())];
    for verdict in VERDICTS {
        let count = rows.iter().filter(|row| row.verdict() == Some(verdict)).count();
        if count > 0 {
            parts.push(format!("{count} {}", verdict.as_str()));
        }
    }
    let failed = rows.iter().filter(|row| row.verdict().is_none()).count();
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    let smaller: Vec<f64> = rows
        .iter()
        .filter(|row| row.verdict() == Some(Verdict::Smaller))
        .filter_map(|row| row.reduction)
        .collect();
    if !smaller.is_empty() {
        let mean = smaller.iter().sum::<f64>() / smaller.len() as f64;
        parts.push(format!("{} on average where smaller", change(mean)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_their_lines() {
        let line = serde_json::json!({
            "dockerfile": "a/Dockerfile", "verdict": "smaller", "reason": "it is smaller",
            "before": { "unpacked_bytes": 1000 }, "after": { "unpacked_bytes": 100 }, "reduction": 0.9,
            "candidates": [{ "name": "artifacts only on scratch" }]
        });
        let row = Row::of_json(&line).unwrap();
        assert_eq!(
            (row.verdict(), row.before, row.after),
            (Some(Verdict::Smaller), Some(1000), Some(100))
        );
        let failed = Row::failed("b/Dockerfile", "it is not UTF-8");
        let text = table(&[row.clone(), failed.clone()]);
        assert!(
            text.contains("-90.0 %") && text.contains("artifacts only on scratch"),
            "{text}"
        );
        assert!(
            text.contains("2 projects, 1 smaller, 1 failed, -90.0 % on average"),
            "{text}"
        );
        assert!(markdown(&[row, failed]).contains("| b/Dockerfile | failed |"));
        assert!(Row::of_json(&serde_json::json!({ "x": 1 })).is_none());
    }
}
