//! One line a finding: `path:line:column: severity[rule] message`.

use super::escape::visible;
use super::palette::severity_style;
use super::place::Locator;
use super::{FileReport, Reporter, Summary, severity_word};
use crate::rule::Diagnostic;
use std::io::Write;

/// The concise format.
pub(super) struct Concise {
    colour: bool,
    quiet: bool,
}

impl Concise {
    pub(super) fn new(colour: bool, quiet: bool) -> Self {
        Concise { colour, quiet }
    }
}

impl Reporter for Concise {
    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        let path = visible(&report.path);
        if let Some(source) = &report.source {
            let locator = Locator::new(source);
            for diagnostic in &report.diagnostics {
                line(
                    &path,
                    locator.line_column(diagnostic.primary.span.start),
                    diagnostic,
                    self.colour,
                    out,
                );
            }
        }
        changes(&path, report, out);
    }

    fn finish(&self, summary: &Summary, out: &mut Vec<u8>) {
        if !self.quiet && summary.files > 0 {
            // Writing to a vector cannot fail, here and below.
            let _ = writeln!(out, "{summary}");
        }
    }
}

/// Appends a finding's line.
pub(super) fn line(
    path: &str,
    (line, column): (usize, usize),
    diagnostic: &Diagnostic,
    colour: bool,
    out: &mut Vec<u8>,
) {
    let word = severity_word(diagnostic.severity);
    let style = severity_style(diagnostic.severity).bold();
    let (on, off) = if colour {
        (style.render().to_string(), style.render_reset().to_string())
    } else {
        Default::default()
    };
    let _ = writeln!(
        out,
        "{path}:{line}:{column}: {on}{word}[{}]{off} {}",
        diagnostic.rule.id,
        visible(&diagnostic.message)
    );
}

/// Appends a line for each fix applied or left out.
pub(super) fn changes(path: &str, report: &FileReport, out: &mut Vec<u8>) {
    for fix in &report.fixed {
        let _ = writeln!(out, "{path}:{}: fixed[{}] {}", fix.line, fix.rule, visible(&fix.title));
        for said in &fix.announces {
            let _ = writeln!(out, "{path}:{}: note[{}] {}", fix.line, fix.rule, visible(said));
        }
    }
    let locator = report.source.as_ref().map(Locator::new);
    for fix in report.skipped.iter().filter(|fix| !fix.reason.is_unasked()) {
        let line = locator.as_ref().map_or(1, |l| l.line_column(fix.span.start).0);
        let _ = writeln!(
            out,
            "{path}:{line}: not fixed[{}] {}: {}",
            fix.rule,
            visible(&fix.title),
            fix.reason
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::SkipReason;
    use crate::report::sample::{self, at};
    use crate::report::{AppliedFix, SkippedFix};
    use crate::source::SourceFile;

    #[test]
    fn a_finding_is_one_line() {
        let text = "FROM a\nRUN größe needle\n";
        let mut report = FileReport::new(
            "sub/Dockerfile",
            SourceFile::new("x", text),
            vec![sample::warning(at(text, "needle"), "two\nlines")],
            Vec::new(),
        );
        report.fixed.push(AppliedFix {
            rule: "other",
            title: "add `-y`".into(),
            line: 2,
            effects: Vec::new(),
            announces: vec!["it is slower".into()],
        });
        report.skipped.push(SkippedFix {
            rule: "third",
            title: "merge".into(),
            reason: SkipReason::ParsesWorse,
            span: at(text, "RUN"),
        });
        let mut out = Vec::new();
        Concise::new(false, true).file(&report, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "sub/Dockerfile:2:11: warning[sample-rule] two lines\n\
             sub/Dockerfile:2: fixed[other] add `-y`\n\
             sub/Dockerfile:2: note[other] it is slower\n\
             sub/Dockerfile:2: not fixed[third] merge: with it BuildKit would refuse the file\n"
        );
    }
}
