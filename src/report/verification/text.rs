//! For a terminal: the verdict, the sizes with bars, what failed, what left.

use super::{both_sizes, by_stage, change, setting, size};
use crate::report::visible;
use crate::verify::check::Outcome;
use crate::verify::sizes::Group;
use crate::verify::{Report, Verdict};
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

/// Cells that the longest bar takes.
const BAR: f64 = 32.0;

/// The report as text.
pub fn text(report: &Report, colour: bool) -> String {
    let mut page = Page {
        out: String::new(),
        colour,
    };
    page.headline(report);
    page.sizes(report);
    page.checks(report);
    page.removed(report);
    page.candidates(report);
    page.rest(report);
    page.out
}

struct Page {
    out: String,
    colour: bool,
}

impl Page {
    fn paint(&self, style: Style, text: &str) -> String {
        match self.colour {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    // Writing to a string cannot fail, here and below.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}", text.trim_end());
    }

    fn headline(&mut self, report: &Report) {
        let style = match report.verdict {
            Verdict::Smaller => AnsiColor::Green,
            Verdict::NotSmaller | Verdict::NotVerified => AnsiColor::Yellow,
            Verdict::Broken | Verdict::OriginalFails => AnsiColor::Red,
        };
        let verdict = self.paint(style.on_default().bold(), report.verdict.as_str());
        let change = match (report.verdict, report.reduction) {
            (Verdict::Smaller | Verdict::NotSmaller, Some(reduction)) => format!(" ({})", change(reduction)),
            _ => String::new(),
        };
        self.line(&format!("{}: {verdict}{change}", visible(&report.dockerfile)));
        self.line(&format!("  {}", visible(&report.reason)));
    }

    fn sizes(&mut self, report: &Report) {
        let Some(before) = &report.before else { return };
        let Some(after) = &report.after else {
            self.line(&format!(
                "\n  the original: {} unpacked, {} layers",
                size(before.unpacked_bytes),
                before.layers.len()
            ));
            return;
        };
        self.line("");
        for (name, old, new) in both_sizes(before, after) {
            let longest = old.max(new).max(1) as f64;
            let bar = |bytes: u64| "█".repeat(((bytes as f64 / longest * BAR).round() as usize).max(1));
            let (red, green) = (AnsiColor::Red.on_default(), AnsiColor::Green.on_default());
            let row = format!("  {name:<11} before {:>8}  {}", size(old), self.paint(red, &bar(old)));
            self.line(&row);
            let row = format!("  {:<11} after  {:>8}  {}", "", size(new), self.paint(green, &bar(new)));
            self.line(&row);
        }
        self.line(&format!(
            "  {:<11} {} before, {} after",
            "layers",
            before.layers.len(),
            after.layers.len()
        ));
        for (name, when, image) in [("stages", "before", before), ("", "after", after)] {
            self.line(&format!("  {name:<11} {when:<6} {}", visible(&by_stage(image))));
        }
    }

    fn checks(&mut self, report: &Report) {
        if report.checks.is_empty() {
            return;
        }
        let count = |outcome| report.checks.iter().filter(|check| check.outcome == outcome).count();
        let (ok, failed, skipped) = (count(Outcome::Ok), count(Outcome::Failed), count(Outcome::Skipped));
        self.line(&format!(
            "\n  checks: {ok} hold, {failed} failed, {skipped} not looked at"
        ));
        for check in &report.checks {
            let (mark, style) = match check.outcome {
                Outcome::Ok => ("ok", AnsiColor::Green.on_default()),
                Outcome::Failed => ("FAILED", AnsiColor::Red.on_default().bold()),
                Outcome::Skipped => ("-", AnsiColor::Yellow.on_default()),
            };
            let mark = self.paint(style, &format!("{mark:<6}"));
            self.line(&format!("    {mark} {:<24} {}", check.name, visible(&check.detail)));
        }
        if report.weak {
            self.line("    weak: the original ends at once with an error; give --env or --probe to see more");
        }
    }

    fn groups(&mut self, title: &str, groups: &[Group], most: usize) {
        if groups.is_empty() {
            return;
        }
        self.line(&format!("\n  {title}"));
        for group in groups.iter().take(most) {
            self.line(&format!("    {:>8}  {}", size(group.bytes), visible(&group.name)));
        }
    }

    fn removed(&mut self, report: &Report) {
        if let Some(removed) = &report.removed {
            self.groups(
                &format!("what left: {} in {} files", size(removed.bytes), removed.files),
                &removed.largest,
                8,
            );
        }
        if let (Some(after), Verdict::Smaller) = (&report.after, report.verdict) {
            self.groups("the largest that remain", &after.largest, 5);
        }
    }

    fn candidates(&mut self, report: &Report) {
        if report.candidates.len() < 2 && report.verdict == Verdict::Smaller {
            return;
        }
        if !report.candidates.is_empty() {
            self.line("\n  tried");
        }
        for candidate in &report.candidates {
            let bytes = candidate
                .unpacked_bytes
                .map(size)
                .unwrap_or_else(|| "not built".to_owned());
            let why = match candidate.why.is_empty() {
                true => String::new(),
                false => format!(": {}", visible(&candidate.why)),
            };
            self.line(&format!(
                "    {}, {bytes}, {}{why}",
                visible(&candidate.name),
                candidate.verdict.as_str()
            ));
        }
    }

    fn offers(&mut self, report: &Report) {
        if report.offers.is_empty() {
            return;
        }
        self.line("\n  settings that the project names, to see more of it");
        for offer in &report.offers {
            self.line(&format!(
                "    {:<40} {}",
                visible(&setting(offer)),
                visible(&offer.from)
            ));
        }
    }

    fn rest(&mut self, report: &Report) {
        if let Some(rebuild) = &report.rebuild {
            self.line(&format!(
                "\n  rebuild after a change to {}: {:.1} s and {} steps before, {:.1} s and {} steps after",
                visible(&rebuild.changed),
                rebuild.before_millis as f64 / 1000.0,
                rebuild.before_steps,
                rebuild.after_millis as f64 / 1000.0,
                rebuild.after_steps
            ));
        }
        self.offers(report);
        for note in &report.notes {
            self.line(&format!("  note: {}", visible(note)));
        }
        let timing = &report.timing;
        let seconds = |millis: u64| format!("{:.1} s", millis as f64 / 1000.0);
        self.line(&format!(
            "\n  {}, {}; built in {} and {}, compared in {}{}",
            visible(&report.engine),
            report.platform,
            seconds(timing.build_before),
            seconds(timing.build_after),
            seconds(timing.compare),
            match timing.tests {
                0 => String::new(),
                millis => format!(", tested in {}", seconds(millis)),
            }
        ));
    }
}
