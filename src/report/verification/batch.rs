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
    /// How it is called.
    pub project: String,
    /// Its Dockerfile.
    pub dockerfile: String,
    /// What it is written in.
    pub ecosystems: Vec<String>,
    /// How far the rewrite goes that the verdict is about, where the planner made it.
    pub level: Option<String>,
    /// Whether `--fix` takes it: `safe`, `unsafe`.
    pub applicability: Option<String>,
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
    /// How long it took.
    pub seconds: u64,
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
        let taken = report.candidates.last();
        let planned = taken.and_then(|taken| taken.planned);
        Row {
            project: report.dockerfile.clone(),
            dockerfile: report.dockerfile.clone(),
            ecosystems: report.ecosystems.clone(),
            level: planned.map(|planned| planned.level.to_owned()),
            applicability: planned.map(|planned| planned.applicability.to_owned()),
            verdict: Some(word(report.verdict)),
            before: report.before.as_ref().map(|image| image.unpacked_bytes),
            after: report.after.as_ref().map(|image| image.unpacked_bytes),
            reduction: report.reduction,
            candidate: taken.map(|taken| taken.name.clone()).unwrap_or_default(),
            reason: report.reason.clone(),
            seconds: 0,
        }
    }

    /// From a line that an earlier run wrote.
    pub fn of_json(value: &Value) -> Option<Row> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let bytes = |name: &str| value.get(name)?.get("unpacked_bytes")?.as_u64();
        let said = text("verdict");
        let taken = value.get("candidates").and_then(|list| list.as_array()?.last());
        let of_taken = |name: &str| taken.and_then(|taken| taken.get(name)?.as_str()).map(str::to_owned);
        let dockerfile = value.get("dockerfile")?.as_str()?.to_owned();
        let ecosystems = value.get("ecosystems").and_then(Value::as_array);
        let ecosystems = ecosystems.into_iter().flatten().filter_map(Value::as_str);
        Some(Row {
            project: match text("project") {
                project if project.is_empty() => dockerfile.clone(),
                project => project,
            },
            ecosystems: ecosystems.map(str::to_owned).collect(),
            level: of_taken("level"),
            applicability: of_taken("applicability"),
            verdict: VERDICTS.into_iter().map(word).find(|word| *word == said),
            before: bytes("before"),
            after: bytes("after"),
            reduction: value.get("reduction").and_then(Value::as_f64),
            candidate: of_taken("name").unwrap_or_default(),
            reason: match text("error") {
                error if error.is_empty() => text("reason"),
                error => error,
            },
            seconds: value.get("seconds").and_then(Value::as_u64).unwrap_or(0),
            dockerfile,
        })
    }

    /// Where it could not be verified at all.
    pub fn failed(dockerfile: &str, why: &str) -> Row {
        Row {
            project: dockerfile.to_owned(),
            dockerfile: dockerfile.to_owned(),
            ecosystems: Vec::new(),
            level: None,
            applicability: None,
            verdict: None,
            before: None,
            after: None,
            reduction: None,
            candidate: String::new(),
            reason: why.to_owned(),
            seconds: 0,
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

    /// `artifacts`, and a mark where `--fix` alone does not take it.
    fn far(&self) -> String {
        let level = self.level.as_deref().unwrap_or_default();
        match self.applicability.as_deref() {
            Some("safe") | None => level.to_owned(),
            Some(_) => format!("{level}*"),
        }
    }

    /// What is worth a look: the new base where it is smaller, else why not.
    fn what(&self) -> &str {
        match self.verdict() {
            Some(Verdict::Smaller) => self
                .candidate
                .rsplit_once(" on ")
                .map_or(self.candidate.as_str(), |(_, base)| base),
            // The file is the row's own: its line is enough.
            _ => match self.reason.strip_prefix(self.dockerfile.as_str()) {
                Some(rest) if !self.dockerfile.is_empty() => rest.trim_start_matches(':'),
                _ => &self.reason,
            },
        }
    }

    /// For people, as soon as it is known.
    pub fn line(&self) -> String {
        let detail = match self.verdict() {
            Some(Verdict::Smaller) => self.change(),
            _ => cut(self.what(), 100),
        };
        let line = format!(
            "{}: {}{} {}",
            visible(&self.project),
            self.said(),
            if detail.is_empty() { "" } else { "," },
            visible(&detail)
        );
        format!("{} ({} s)", line.trim_end(), self.seconds)
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
    let width = |least: usize, most: usize, of: &dyn Fn(&Row) -> String| {
        let widths = rows.iter().map(|row| visible(&of(row)).chars().count());
        widths.max().unwrap_or(0).clamp(least, most)
    };
    let name = width(7, 44, &|row| row.project.clone());
    let eco = width(5, 16, &|row| row.ecosystems.join("+"));
    let level = width(5, 14, &|row| row.far());
    let verdict = width(7, 18, &|row| row.said().to_owned());
    let mut out = String::new();
    let mut line = |cells: [&str; 8]| {
        let [project, ecosystem, far, before, after, change, said, what] = cells;
        let text = format!(
            "{:<name$}  {:<eco$}  {:<level$}  {before:>8} {after:>8} {change:>8}  {said:<verdict$}  {what}",
            cut(project, name),
            cut(ecosystem, eco),
            far,
        );
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line([
        "project",
        "stack",
        "level",
        "before",
        "after",
        "change",
        "verdict",
        "base, or reason",
    ]);
    for row in rows {
        let bytes = |bytes: Option<u64>| bytes.map(size).unwrap_or_else(|| "-".to_owned());
        line([
            &visible(&row.project),
            &visible(&row.ecosystems.join("+")),
            &row.far(),
            &bytes(row.before),
            &bytes(row.after),
            &row.change(),
            row.said(),
            &visible(&cut(row.what(), 90)),
        ]);
    }
    out.push('\n');
    out.push_str(&summary(rows));
    out.push('\n');
    out
}

/// For a pull request or a job's summary.
pub fn markdown(rows: &[Row]) -> String {
    let mut out = String::from(
        "| project | stack | level | before | after | change | verdict | base, or reason |\n|---|---|---|---:|---:|---:|---|---|\n",
    );
    for row in rows {
        let bytes = |bytes: Option<u64>| bytes.map(size).unwrap_or_default();
        let cells = [
            cell(&row.project),
            cell(&row.ecosystems.join("+")),
            cell(&row.far()),
            bytes(row.before),
            bytes(row.after),
            row.change(),
            row.said().to_owned(),
            cell(&cut(row.what(), 160)),
        ];
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    let _ = writeln!(out, "\n{}", cell(&summary(rows)));
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
    let mut text = parts.join(", ");
    let of_smaller = |of: fn(&Row) -> Option<u64>| -> u64 {
        let rows = rows.iter().filter(|row| row.verdict() == Some(Verdict::Smaller));
        rows.filter_map(of).sum()
    };
    if !smaller.is_empty() {
        let (before, after) = (of_smaller(|row| row.before), of_smaller(|row| row.after));
        text.push_str(&format!(" ({} became {})", size(before), size(after)));
    }
    if rows.iter().any(|row| row.far().ends_with('*')) {
        text.push_str("\n* --fix alone does not take it: --unsafe-fixes does");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_their_lines() {
        let line = serde_json::json!({
            "dockerfile": "a/Dockerfile", "verdict": "smaller", "reason": "it is smaller",
            "before": { "unpacked_bytes": 1000 }, "after": { "unpacked_bytes": 100 }, "reduction": 0.9,
            "candidates": [{ "name": "artifacts only on scratch", "level": "artifacts", "applicability": "unsafe" }],
            "ecosystems": ["go"], "project": "a"
        });
        let row = Row::of_json(&line).unwrap();
        assert_eq!(
            (row.verdict(), row.before, row.after),
            (Some(Verdict::Smaller), Some(1000), Some(100))
        );
        let failed = Row::failed("b/Dockerfile", "it is not UTF-8");
        let text = table(&[row.clone(), failed.clone()]);
        assert!(
            text.contains("-90.0 %") && text.contains("scratch") && text.contains("artifacts*"),
            "{text}"
        );
        assert!(text.contains("a             go     artifacts*"), "{text}");
        assert!(
            text.contains("2 projects, 1 smaller, 1 failed, -90.0 % on average"),
            "{text}"
        );
        assert!(markdown(&[row, failed]).contains("| b/Dockerfile |  |  |  |  |  | failed |"));
        assert!(Row::of_json(&serde_json::json!({ "x": 1 })).is_none());
    }
}
