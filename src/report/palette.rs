//! Colours, and the writer that gives codespan's drawing our words and our colours.

use super::severity_word;
use crate::rule;
use anstyle::{AnsiColor, Style};
use codespan_reporting::diagnostic::{LabelStyle, Severity};
use codespan_reporting::term::WriteStyle;
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const BLUE: Style = AnsiColor::Blue.on_default();

/// The colour of a severity.
pub(super) fn severity_style(severity: rule::Severity) -> Style {
    match severity {
        rule::Severity::Error => AnsiColor::Red.on_default(),
        rule::Severity::Warning => AnsiColor::Yellow.on_default(),
        rule::Severity::Info => AnsiColor::Cyan.on_default(),
        rule::Severity::Style => AnsiColor::Green.on_default(),
    }
}

/// codespan has no word for style and none called info; it is given its own, and [`Painter`] puts
/// ours in their place.
pub(super) fn to_codespan(severity: rule::Severity) -> Severity {
    match severity {
        rule::Severity::Error => Severity::Error,
        rule::Severity::Warning => Severity::Warning,
        rule::Severity::Info => Severity::Note,
        rule::Severity::Style => Severity::Help,
    }
}

fn from_codespan(severity: Severity) -> rule::Severity {
    match severity {
        Severity::Bug | Severity::Error => rule::Severity::Error,
        Severity::Warning => rule::Severity::Warning,
        Severity::Note => rule::Severity::Info,
        Severity::Help => rule::Severity::Style,
    }
}

/// Writes what codespan draws into a buffer, coloured or not.
pub(super) struct Painter<'a> {
    out: &'a mut Vec<u8>,
    colour: bool,
    /// The word to write in place of codespan's name of the severity, which is written next.
    word: Option<&'static str>,
}

impl<'a> Painter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, colour: bool) -> Self {
        Painter {
            out,
            colour,
            word: None,
        }
    }

    fn paint(&mut self, style: Style) -> io::Result<()> {
        if self.colour {
            write!(self.out, "{style}")
        } else {
            Ok(())
        }
    }
}

impl Write for Painter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.word.take() {
            Some(word) if matches!(bytes, b"error" | b"warning" | b"note" | b"help") => {
                self.out.extend_from_slice(word.as_bytes())
            }
            _ => self.out.extend_from_slice(bytes),
        }
        Ok(bytes.len())
    }

    // Codespan writes a character at a time.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(|_| ())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteStyle for Painter<'_> {
    fn set_header(&mut self, severity: Severity) -> io::Result<()> {
        let severity = from_codespan(severity);
        self.paint(severity_style(severity).bold())?;
        self.word = Some(severity_word(severity));
        Ok(())
    }

    fn set_header_message(&mut self) -> io::Result<()> {
        self.reset()?;
        self.paint(BOLD)
    }

    fn set_line_number(&mut self) -> io::Result<()> {
        self.paint(BLUE)
    }

    fn set_note_bullet(&mut self) -> io::Result<()> {
        self.paint(BLUE)
    }

    fn set_source_border(&mut self) -> io::Result<()> {
        self.paint(BLUE)
    }

    fn set_label(&mut self, severity: Severity, style: LabelStyle) -> io::Result<()> {
        match style {
            LabelStyle::Primary => self.paint(severity_style(from_codespan(severity))),
            LabelStyle::Secondary => self.paint(BLUE),
        }
    }

    fn reset(&mut self) -> io::Result<()> {
        if self.colour {
            write!(self.out, "{}", anstyle::Reset)
        } else {
            Ok(())
        }
    }
}
