//! For a pull request or a job's summary.

use super::super::markdown::cell;
use super::{both_sizes, by_stage, change, setting, size};
use crate::verify::check::Outcome;
use crate::verify::{Report, Verdict};
use std::fmt::Write;

/// The report as GitHub's Markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    let change = match (report.verdict, report.reduction) {
        (Verdict::Smaller | Verdict::NotSmaller, Some(reduction)) => format!(" ({})", change(reduction)),
        _ => String::new(),
    };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        out,
        "### {}: {}{change}\n",
        cell(&report.dockerfile),
        report.verdict.as_str()
    );
    let _ = writeln!(out, "{}\n", cell(&report.reason));
    if let (Some(before), Some(after)) = (&report.before, &report.after) {
        let _ = writeln!(out, "| | before | after |\n|---|---:|---:|");
        for (name, old, new) in both_sizes(before, after) {
            let _ = writeln!(out, "| {name} | {} | {} |", size(old), size(new));
        }
        let _ = writeln!(out, "| layers | {} | {} |", before.layers.len(), after.layers.len());
        let _ = writeln!(
            out,
            "| by stage | {} | {} |\n",
            cell(&by_stage(before)),
            cell(&by_stage(after))
        );
    }
    let failed: Vec<_> = report.checks.iter().filter(|check| check.is_failure()).collect();
    for check in &failed {
        let _ = writeln!(out, "- **{}**: {}", cell(&check.name), cell(&check.detail));
    }
    if !failed.is_empty() {
        out.push('\n');
    }
    if !report.checks.is_empty() {
        let held = report
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Ok)
            .count();
        let _ = writeln!(
            out,
            "<details><summary>{held} of {} checks hold</summary>\n",
            report.checks.len()
        );
        let _ = writeln!(out, "| check | | what was seen |\n|---|---|---|");
        for check in &report.checks {
            let mark = match check.outcome {
                Outcome::Ok => "ok",
                Outcome::Failed => "**failed**",
                Outcome::Skipped => "not looked at",
            };
            let _ = writeln!(out, "| {} | {mark} | {} |", cell(&check.name), cell(&check.detail));
        }
        let _ = writeln!(out, "\n</details>\n");
    }
    if let Some(removed) = &report.removed {
        let _ = writeln!(out, "<details><summary>what left: {}</summary>\n", size(removed.bytes));
        let _ = writeln!(out, "| package or directory | size |\n|---|---:|");
        for group in removed.packages.iter().chain(&removed.directories) {
            let _ = writeln!(out, "| {} | {} |", cell(&group.name), size(group.bytes));
        }
        let _ = writeln!(out, "\n</details>\n");
    }
    if report.candidates.len() > 1 || report.verdict != Verdict::Smaller {
        for candidate in &report.candidates {
            let _ = writeln!(
                out,
                "- {}: {}{}",
                cell(&candidate.name),
                candidate.verdict.as_str(),
                match candidate.why.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", cell(&candidate.why)),
                }
            );
        }
    }
    if let Some(rebuild) = &report.rebuild {
        let _ = writeln!(
            out,
            "\nRebuild after a change to {}: {:.1} s before, {:.1} s after.",
            cell(&rebuild.changed),
            rebuild.before_millis as f64 / 1000.0,
            rebuild.after_millis as f64 / 1000.0
        );
    }
    if !report.offers.is_empty() {
        let all: Vec<String> = report
            .offers
            .iter()
            .map(|offer| format!("`{}` ({})", setting(offer).replace(['`', '\n'], " "), cell(&offer.from)))
            .collect();
        let _ = writeln!(out, "\nSettings that the project names: {}", all.join(", "));
    }
    let _ = writeln!(
        out,
        "\nBuilt with {} for {}.",
        cell(&report.engine),
        cell(&report.platform)
    );
    out
}
