//! Workflow commands, which GitHub Actions turns into annotations.
//!
//! Escapes: <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts> defines
//! them: `%`, CR and LF in the message, `:` and `,` too in properties.

use super::place::Locator;
use super::{FileReport, Reporter, Summary};
use crate::rule::Severity;
use std::fmt::Write as _;

/// The github format.
pub(super) struct Github;

impl Reporter for Github {
    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        let mut text = String::new();
        let path = escape(&slashes(&report.path), true);
        if let Some(source) = &report.source {
            let locator = Locator::new(source);
            for diagnostic in &report.diagnostics {
                let place = locator.place(diagnostic.primary.span);
                let command = match diagnostic.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                    Severity::Info | Severity::Style => "notice",
                };
                // Writing to a string cannot fail, here and below.
                let _ = write!(
                    text,
                    "::{command} file={path},line={},endLine={}",
                    place.line, place.end_line
                );
                // The end column is that of the last character; GitHub refuses columns over several lines.
                if place.line == place.end_line {
                    let _ = write!(
                        text,
                        ",col={},endColumn={}",
                        place.column,
                        place.end_column.saturating_sub(1).max(place.column)
                    );
                }
                let mut message = diagnostic.message.clone();
                if let Some(help) = &diagnostic.help {
                    let _ = write!(message, "\n{help}");
                }
                let _ = writeln!(
                    text,
                    ",title={}::{}",
                    escape(&format!("mbopt {}", diagnostic.rule.id), true),
                    escape(&message, false)
                );
            }
        }
        if let Some(error) = &report.error {
            let _ = writeln!(text, "::error file={path},title=mbopt::{}", escape(error, false));
        }
        out.extend_from_slice(text.as_bytes());
    }

    fn finish(&self, _summary: &Summary, _out: &mut Vec<u8>) {}
}

/// A path with `/` between names.
pub(super) fn slashes(path: &str) -> String {
    if cfg!(windows) {
        path.replace('\\', "/")
    } else {
        path.to_owned()
    }
}

/// `text` as the message of a workflow command, or as a `property` of one.
fn escape(text: &str, property: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' if property => out.push_str("%3A"),
            ',' if property => out.push_str("%2C"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, at};
    use crate::source::{SourceFile, Span};

    fn drawn(path: &str, text: &str, diagnostics: Vec<crate::rule::Diagnostic>) -> String {
        let report = FileReport::new(path, SourceFile::new(path, text), diagnostics, Vec::new());
        let mut out = Vec::new();
        Github.file(&report, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_properties_and_messages_differently() {
        assert_eq!(escape("100%: a,b\r\nc", false), "100%25: a,b%0D%0Ac");
        assert_eq!(escape("100%: a,b\r\nc", true), "100%25%3A a%2Cb%0D%0Ac");
    }

    #[test]
    fn a_message_cannot_smuggle_in_a_command() {
        let text = "FROM a\n";
        let shown = drawn(
            "a,b:c/Dockerfile",
            text,
            vec![sample::warning(at(text, "a"), "x\n::set-output name=a::b")],
        );
        assert_eq!(
            shown,
            "::warning file=a%2Cb%3Ac/Dockerfile,line=1,endLine=1,col=6,endColumn=6,title=mbopt sample-rule::x%0A::set-output name=a::b\n"
        );
    }

    #[test]
    fn severities_are_mapped_and_columns_left_out_over_lines() {
        let text = "RUN a \\\n b\n";
        let mut finding = sample::warning(Span::new(0, text.len() - 1), "m");
        finding.severity = Severity::Style;
        assert_eq!(
            drawn("Dockerfile", text, vec![finding]),
            "::notice file=Dockerfile,line=1,endLine=2,title=mbopt sample-rule::m\n"
        );
    }

    #[test]
    fn a_failed_file_is_an_error() {
        let mut out = Vec::new();
        Github.file(&FileReport::failed("Dockerfile", "is a pipe"), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "::error file=Dockerfile,title=mbopt::is a pipe\n"
        );
    }
}
