//! A table for job summaries and comments on pull requests.

use super::github::slashes;
use super::place::Locator;
use super::{FileReport, Reporter, Summary, severity_word, visible};
use crate::edit::Applicability;
use std::io::Write;

/// The markdown format.
pub(super) struct Markdown {
    quiet: bool,
}

impl Markdown {
    pub(super) fn new(quiet: bool) -> Self {
        Markdown { quiet }
    }
}

/// `text` in a cell of a table: on one line, with nothing that begins a cell, a tag, a link, an
/// image or a mention. Code spans stay what they are; in them only the bar has to be escaped, and
/// GitHub does not read the rest.
pub(super) fn cell(text: &str) -> String {
    let text = visible(text).replace('\n', " ");
    let mut out = String::with_capacity(text.len());
    // A backtick without another would let what follows be read as Markdown, so it is not trusted.
    let spans = text.matches('`').count().is_multiple_of(2);
    let mut code = false;
    for c in text.chars() {
        match c {
            '`' if spans => {
                code = !code;
                out.push(c);
            }
            '|' => out.push_str("\\|"),
            '&' if !code => out.push_str("&amp;"),
            '<' if !code => out.push_str("&lt;"),
            '@' if !code => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '#' if !code => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

impl Reporter for Markdown {
    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        let path = slashes(&report.path);
        if let Some(error) = &report.error {
            // Writing to a vector cannot fail, here and below.
            let _ = writeln!(out, "**{}**: {}\n", cell(&path), cell(error));
        }
        let Some(source) = report.source.as_ref().filter(|_| !report.diagnostics.is_empty()) else {
            return;
        };
        let _ = writeln!(
            out,
            "### {}\n\n| Line | Severity | Finding | Rule | Fix |\n| ---: | --- | --- | --- | --- |",
            cell(&path)
        );
        let locator = Locator::new(source);
        for diagnostic in &report.diagnostics {
            let (line, _) = locator.line_column(diagnostic.primary.span.start);
            let help = diagnostic
                .help
                .as_ref()
                .map_or(String::new(), |help| format!("<br>{}", cell(help)));
            let fix = match diagnostic.fix.as_ref().map(|fix| fix.applicability) {
                Some(Applicability::Safe) => "safe",
                Some(Applicability::Unsafe) => "unsafe",
                Some(Applicability::DisplayOnly) | None => "",
            };
            let _ = writeln!(
                out,
                "| {line} | {} | {}{help} | {} | {fix} |",
                severity_word(diagnostic.severity),
                cell(&diagnostic.message),
                cell(diagnostic.rule.id)
            );
        }
        out.push(b'\n');
    }

    fn finish(&self, summary: &Summary, out: &mut Vec<u8>) {
        if !self.quiet && summary.files > 0 {
            let _ = writeln!(out, "{summary}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, at};
    use crate::source::SourceFile;

    #[test]
    fn cells_hold_their_text_and_nothing_else() {
        assert_eq!(cell("a|b\nc"), "a\\|b c");
        assert_eq!(
            cell("<img src=x> @me ![i](u) #1"),
            "&lt;img src=x> &#64;me \\!\\[i\\](u) \\#1"
        );
        assert_eq!(cell("`a_b <c>` d_e"), "`a_b <c>` d\\_e");
        assert_eq!(cell("`open <b>"), "\\`open &lt;b>");
    }

    #[test]
    fn a_table_for_each_file_with_findings() {
        let text = "FROM a\nRUN needle\n";
        let mut finding = sample::warning(at(text, "needle"), "`needle` found");
        finding.help = Some("drop it".into());
        finding.fix = Some(crate::edit::Fix::safe(
            "drop",
            vec![crate::edit::Edit::delete(at(text, "needle"))],
        ));
        let reports = [
            FileReport::new("d/Dockerfile", SourceFile::new("x", text), vec![finding], Vec::new()),
            FileReport::new("clean", SourceFile::new("x", text), Vec::new(), Vec::new()),
        ];
        assert_eq!(
            sample::drawn(&Markdown::new(false), &reports),
            "### d/Dockerfile\n\n| Line | Severity | Finding | Rule | Fix |\n| ---: | --- | --- | --- | --- |\n\
             | 2 | warning | `needle` found<br>drop it | sample-rule | safe |\n\n\
             1 finding (1 warning) in 1 of 2 files; 1 fixable with --fix\n"
        );
    }
}
