//! For people: the source line, the very words underlined, what to do, and whether a fix exists.

use super::escape::visible;
use super::excerpt::Excerpt;
use super::palette::{Painter, to_codespan};
use super::place::Locator;
use super::{FileReport, Reporter, Summary};
use crate::edit::{Applicability, Fix};
use crate::rule::Diagnostic;
use crate::source::{SourceFile, Span};
use codespan_reporting::diagnostic as drawn;
use codespan_reporting::term;
use std::io::Write;

/// The text format.
pub(super) struct Text {
    colour: bool,
    quiet: bool,
    config: term::Config,
}

impl Text {
    pub(super) fn new(colour: bool, quiet: bool) -> Self {
        let config = term::Config {
            start_context_lines: 2,
            ..term::Config::default()
        };
        Text { colour, quiet, config }
    }

    fn draw(&self, path: &str, source: &SourceFile, locator: &Locator, diagnostic: &Diagnostic, out: &mut Vec<u8>) {
        let mut spans: Vec<Span> = Vec::with_capacity(1 + diagnostic.related.len());
        spans.push(diagnostic.primary.span);
        spans.extend(diagnostic.related.iter().map(|label| label.span));
        let location = locator.line_column(diagnostic.primary.span.start);
        let excerpt = Excerpt::new(path, source, &spans, location);
        let mut labels = vec![
            drawn::Label::primary((), excerpt.range(diagnostic.primary.span))
                .with_message(visible(&diagnostic.primary.message)),
        ];
        labels.extend(
            diagnostic.related.iter().map(|label| {
                drawn::Label::secondary((), excerpt.range(label.span)).with_message(visible(&label.message))
            }),
        );
        let mut notes = Vec::new();
        notes.extend(diagnostic.help.iter().map(|help| format!("help: {}", visible(help))));
        notes.extend(diagnostic.fix.iter().map(describe_fix));
        // Of what is not proven the help tells.
        let safe = diagnostic
            .fix
            .iter()
            .filter(|fix| fix.applicability == Applicability::Safe);
        notes.extend(
            safe.flat_map(|fix| &fix.announces)
                .map(|said| format!("note: {}", visible(said))),
        );
        let drawing = drawn::Diagnostic::new(to_codespan(diagnostic.severity))
            .with_code(diagnostic.rule.id)
            .with_message(visible(&diagnostic.message))
            .with_labels(labels)
            .with_notes(notes);
        let from = out.len();
        if term::emit_to_write_style(&mut Painter::new(out, self.colour), &self.config, &excerpt, &drawing).is_err() {
            // No drawing is no reason to lose the finding.
            out.truncate(from);
            super::concise::line(path, location, diagnostic, self.colour, out);
        }
    }
}

impl Reporter for Text {
    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        let path = visible(&report.path);
        if let Some(source) = &report.source {
            let locator = Locator::new(source);
            for diagnostic in &report.diagnostics {
                self.draw(&path, source, &locator, diagnostic, out);
            }
        }
        super::concise::changes(&path, report, out);
    }

    fn finish(&self, summary: &Summary, out: &mut Vec<u8>) {
        if !self.quiet && summary.files > 0 {
            // Writing to a vector cannot fail.
            let _ = writeln!(out, "{summary}");
        }
    }
}

/// ``fix: add `-y` (safe)``.
fn describe_fix(fix: &Fix) -> String {
    let trust = match fix.applicability {
        Applicability::Safe => "safe",
        Applicability::Unsafe => "unsafe, needs --unsafe-fixes",
        Applicability::DisplayOnly => "to be done by hand",
    };
    format!("fix: {} ({trust})", visible(&fix.title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, at};

    fn draw(text: &str, diagnostics: Vec<Diagnostic>) -> String {
        let report = FileReport::new(
            "Dockerfile",
            SourceFile::new("Dockerfile", text),
            diagnostics,
            Vec::new(),
        );
        let mut out = Vec::new();
        Text::new(false, true).file(&report, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn underlines_the_words_and_names_the_fix() {
        let text = "FROM debian:12\nRUN apt-get install curl\n";
        let mut finding = sample::warning(at(text, "install"), "`apt-get install` waits for an answer");
        finding.primary.message = "no `-y`".into();
        finding.related = vec![crate::rule::Label {
            span: at(text, "debian:12"),
            message: "the base".into(),
        }];
        finding.help = Some("write `apt-get install -y`".into());
        finding.fix = Some(Fix::safe("add `-y`", Vec::new()));
        assert_eq!(
            draw(text, vec![finding]),
            "\
warning[sample-rule]: `apt-get install` waits for an answer
  ┌─ Dockerfile:2:13
  │
1 │ FROM debian:12
  │      --------- the base
2 │ RUN apt-get install curl
  │             ^^^^^^^ no `-y`
  │
  = help: write `apt-get install -y`
  = fix: add `-y` (safe)

"
        );
    }

    #[test]
    fn severities_have_our_names() {
        for (severity, word) in [
            (crate::rule::Severity::Info, "info["),
            (crate::rule::Severity::Style, "style["),
            (crate::rule::Severity::Error, "error["),
        ] {
            let mut finding = sample::warning(Span::new(0, 4), "note");
            finding.severity = severity;
            assert!(draw("FROM a\n", vec![finding]).starts_with(word));
        }
    }

    #[test]
    fn a_very_long_line_is_shown_through_a_window() {
        let text = format!("FROM a\nRUN {} needle {}\n", "x".repeat(30_000), "y".repeat(30_000));
        let shown = draw(&text, vec![sample::warning(at(&text, "needle"), "found")]);
        assert!(shown.len() < 1_000, "{}", shown.len());
        assert!(shown.contains("Dockerfile:2:30006"), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let column = |line: &str, c: char| line.chars().position(|x| x == c);
        assert_eq!(column(lines[3], 'n'), column(lines[4], '^'), "{shown}");
        assert!(lines[3].contains("… needle") || lines[3].contains("…xxx"), "{shown}");
    }

    #[test]
    fn tabs_wide_characters_and_crlf_keep_the_underline_in_place() {
        let text = "FROM a\r\nRUN\t漢字 needle\r\n";
        let shown = draw(text, vec![sample::warning(at(text, "needle"), "found")]);
        assert!(shown.contains("2 │ RUN 漢字 needle\n  │          ^^^^^^\n"), "{shown}");
        assert!(!shown.contains('\r'));
    }

    #[test]
    fn control_characters_in_the_file_do_not_reach_the_terminal() {
        let text = "FROM a\u{1b}[2J needle\n";
        let shown = draw(text, vec![sample::warning(at(text, "needle"), "bad \u{1b}]0;x\u{7}")]);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown}");
        assert!(shown.contains("FROM a␛[2J needle\n  │            ^^^^^^"), "{shown}");
    }

    #[test]
    fn a_label_over_many_lines_shows_its_ends() {
        let text = format!("RUN a \\\n{}  last\n", " b \\\n".repeat(1_000));
        let shown = draw(&text, vec![sample::warning(Span::new(0, text.len()), "long")]);
        assert!(shown.lines().count() < 14, "{shown}");
        assert!(shown.contains("1002 │ │   last"), "{shown}");
    }

    #[test]
    fn far_places_have_a_gap_between_them() {
        let text = format!("FROM a\n{}RUN needle\n", "# c\n".repeat(20));
        let mut finding = sample::warning(at(&text, "needle"), "here");
        finding.related = vec![crate::rule::Label {
            span: Span::new(0, 4),
            message: "there".into(),
        }];
        let shown = draw(&text, vec![finding]);
        assert!(shown.contains("   ·\n22 │ RUN needle"), "{shown}");
    }

    #[test]
    fn places_outside_the_file_do_no_harm() {
        let shown = draw(
            "FROM a",
            vec![
                sample::warning(Span::new(90, 99), "lost"),
                sample::warning(Span::at(6), "end"),
            ],
        );
        assert_eq!(shown.matches("warning[sample-rule]").count(), 2);
        assert!(draw("", vec![sample::warning(Span::at(0), "empty")]).contains("empty"));
    }
}
