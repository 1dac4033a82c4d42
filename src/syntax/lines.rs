//! Logical lines as BuildKit sees them.

use super::directive::{self, Directives};
use super::heredoc::{self, Announced, Heredoc};
use super::{Joined, json, words};
use crate::source::{SourceFile, Span};

/// A parser directive at the top of the file: `# syntax=`, `# escape=`, `# check=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Lower-cased name.
    pub name: String,
    /// The value as written, without surrounding blanks.
    pub value: String,
    /// From the `#` to the end of the value.
    pub span: Span,
    /// The value.
    pub value_span: Span,
}

/// A comment line, on its own or inside a continuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// From the `#` to the end of the line, without its line ending.
    pub span: Span,
    /// The text behind the `#`, without surrounding blanks.
    pub text: String,
    /// Line number, from 1.
    pub line: usize,
    /// Whether it stands inside a continued instruction.
    pub inside: bool,
}

/// One instruction's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogicalLine {
    /// From the keyword's first byte to the end of the last physical line that gives text to it
    /// (heredocs and their terminators included), without the last line ending and, on a line that
    /// is no heredoc, without trailing blanks. Comments and blank lines behind a last continuation
    /// belong to the instruction for BuildKit, and count for [`end_line`](Self::end_line), but are
    /// not under the span.
    pub span: Span,
    /// First line, from 1, as BuildKit reports it.
    pub start_line: usize,
    /// Last line, from 1, as BuildKit reports it.
    pub end_line: usize,
    /// Last line of the text before the heredocs, from 1; BuildKit names it for empty continuations.
    pub text_end_line: usize,
    /// The text as BuildKit glues it, heredocs excluded.
    pub joined: Joined,
    /// Here-documents in their order.
    pub heredocs: Vec<Heredoc>,
    /// Lines inside the continuation that hold nothing but blanks.
    pub empty_continuations: Vec<Span>,
    /// BuildKit's "previous comments": indices into [`Lines::comments`] of the unbroken run of
    /// comment lines above (an empty comment starts the run anew; blank lines do not).
    pub comments_above: Vec<usize>,
}

/// A reason why BuildKit refuses to parse the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, for people.
    pub message: String,
    /// Where.
    pub span: Span,
    /// The line BuildKit names, from 1; none where it names none.
    pub line: Option<usize>,
}

/// A file cut into its logical lines.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// The escape character in force: `\` or `` ` ``.
    pub escape: char,
    /// Whether the file begins with a byte-order mark.
    pub bom: bool,
    /// Parser directives, in order.
    pub directives: Vec<Directive>,
    /// The directives that BuildKit's frontend finds before it parses: `check` and `syntax` count
    /// from here. It skips a first line that begins with `#!`, and takes no blanks before the `#`.
    pub detected: Vec<Directive>,
    /// All comment lines outside heredocs, directives excluded, in order.
    pub comments: Vec<Comment>,
    /// Instructions, in order. After an error the scan goes on where that makes sense, so that
    /// one broken instruction does not hide the others.
    pub instructions: Vec<LogicalLine>,
    /// The first reason to refuse the file, if any, and others found behind it.
    pub errors: Vec<SyntaxError>,
}

/// The longest physical line that BuildKit reads, in bytes, without its `\n`.
const MAX_LINE: usize = 65_535;

/// Cuts a file into logical lines. Never fails: what BuildKit would refuse is in [`Lines::errors`].
pub fn scan(source: &SourceFile) -> Lines {
    let text = source.text();
    let mut scanner = Scanner {
        source,
        text,
        read: 0,
        count: if text.is_empty() { 0 } else { source.lines().count() },
        above: Vec::new(),
        directives: Directives::default(),
        lines: Lines {
            escape: '\\',
            bom: text.starts_with('\u{feff}'),
            ..Lines::default()
        },
    };
    if text.is_empty() {
        scanner.error("the Dockerfile cannot be empty", Span::at(0), None);
        return scanner.lines;
    }
    scanner.lines.detected = directive::detected(text);
    while let Some(line) = scanner.next() {
        scanner.top(line);
    }
    if scanner.lines.instructions.is_empty() && scanner.lines.errors.is_empty() {
        scanner.error("file with no instructions", Span::at(0), Some(scanner.read));
    }
    scanner.lines
}

/// A physical line.
#[derive(Clone, Copy)]
struct Physical<'a> {
    /// Without any `\r` and `\n` at its end.
    text: &'a str,
    /// Where it begins.
    start: usize,
    /// Its number, from 1.
    number: usize,
    /// With its line ending.
    span: Span,
}

struct Scanner<'a> {
    source: &'a SourceFile,
    /// The source's text, asked for once.
    text: &'a str,
    /// How many physical lines were read.
    read: usize,
    count: usize,
    /// The comments since the last instruction, as BuildKit keeps them.
    above: Vec<usize>,
    directives: Directives,
    lines: Lines,
}

impl<'a> Scanner<'a> {
    fn next(&mut self) -> Option<Physical<'a>> {
        self.next_in(None)
    }

    /// The next physical line. BuildKit stops reading at a line that is too long, and names the
    /// line before it, or the instruction whose heredoc it is in.
    fn next_in(&mut self, heredoc_of: Option<usize>) -> Option<Physical<'a>> {
        if self.read >= self.count {
            return None;
        }
        let span = self.source.lines().span(self.read + 1);
        let raw = self.text.get(span.range()).unwrap_or_default();
        let start = if self.read == 0 && self.lines.bom {
            span.start + 3
        } else {
            span.start
        };
        let text = raw
            .get(start - span.start..)
            .unwrap_or_default()
            .trim_end_matches(['\r', '\n']);
        let line = Physical {
            text,
            start,
            number: self.read + 1,
            span,
        };
        if raw.len() > MAX_LINE && raw.strip_suffix('\n').unwrap_or(raw).len() > MAX_LINE {
            let message = format!("dockerfile line greater than max allowed size of {MAX_LINE}");
            self.error(
                &message,
                Span::new(start, start + text.len()),
                heredoc_of.or(Some(self.read)),
            );
        }
        self.read += 1;
        Some(line)
    }

    fn error(&mut self, message: &str, span: Span, line: Option<usize>) {
        let line = line.filter(|&line| line > 0);
        self.lines.errors.push(SyntaxError {
            message: message.to_owned(),
            span,
            line,
        });
    }

    /// A line outside any instruction.
    fn top(&mut self, line: Physical<'a>) {
        let text = line.text.trim_start();
        let start = line.start + (line.text.len() - text.len());
        if text.starts_with('#') {
            self.comment_or_directive(text, start, line);
        } else {
            self.directives.close();
            if !text.is_empty() {
                self.instruction(text, start, line.number);
            }
        }
    }

    fn comment_or_directive(&mut self, text: &str, start: usize, line: Physical<'a>) {
        match self.directives.read(text, start) {
            Some((directive, error)) => {
                if let Some(error) = error {
                    // BuildKit counts from 0 here.
                    self.error(&error.to_string(), directive.span, Some(line.number - 1));
                } else if directive.name == "escape" {
                    self.lines.escape = directive.value.chars().next().unwrap_or('\\');
                }
                self.lines.directives.push(directive);
            }
            None => {
                let comment = self.comment(text, start, line.number, false);
                // BuildKit takes the line's first byte off, be it the `#` or a blank.
                if comment.text.is_empty() && start == line.start {
                    self.above.clear();
                } else {
                    self.above.push(self.lines.comments.len());
                }
                self.lines.comments.push(comment);
            }
        }
    }

    fn comment(&self, text: &str, start: usize, line: usize, inside: bool) -> Comment {
        let body = text.strip_prefix('#').unwrap_or(text).trim();
        Comment {
            span: Span::new(start, start + text.len()),
            text: body.to_owned(),
            line,
            inside,
        }
    }

    /// An instruction whose first physical line is `text`, leading blanks taken off.
    fn instruction(&mut self, text: &'a str, start: usize, start_line: usize) {
        let mut joined = Joined::new();
        let mut empty = Vec::new();
        let mut end = start + text.trim_end().len();
        let mut open = self.glue(&mut joined, text, start);
        while open && let Some(line) = self.next() {
            let trimmed = line.text.trim_start();
            if trimmed.starts_with('#') {
                let at = line.start + (line.text.len() - trimmed.len());
                let comment = self.comment(trimmed, at, line.number, true);
                self.lines.comments.push(comment);
            } else if trimmed.is_empty() {
                empty.push(Span::new(line.start, line.start + line.text.len()));
            } else {
                end = line.start + line.text.trim_end().len();
                open = self.glue(&mut joined, line.text, line.start);
            }
        }
        let text_end_line = self.read;
        let blanks = joined.text().len() - joined.text().trim_start().len();
        // A line of nothing but an escape character has no text at all.
        let start = if blanks < joined.text().len() {
            joined.offset(blanks)
        } else {
            start
        };
        if !self.source.is_utf8() && is_masked(self.source, &joined) {
            joined.mark_masked();
        }
        let mut line = LogicalLine {
            span: Span::new(start, end),
            start_line,
            end_line: text_end_line,
            text_end_line,
            joined,
            heredocs: Vec::new(),
            empty_continuations: empty,
            comments_above: std::mem::take(&mut self.above),
        };
        self.heredocs(&mut line);
        self.lines.instructions.push(line);
    }

    /// Appends a physical line, and says whether it is continued: whether it ends, but for spaces
    /// and tabs, with an escape character that has none before it.
    fn glue(&self, joined: &mut Joined, text: &str, start: usize) -> bool {
        let escape = self.lines.escape;
        let body = text.trim_end_matches([' ', '\t']).strip_suffix(escape);
        match body.filter(|body| !body.ends_with(escape)) {
            Some(body) => {
                joined.push(body, start);
                true
            }
            None => {
                joined.push(text, start);
                false
            }
        }
    }

    /// Reads the here-documents that the line announces.
    fn heredocs(&mut self, line: &mut LogicalLine) {
        if !line.joined.text().contains("<<") || !takes_heredocs(&line.joined, self.lines.escape) {
            return;
        }
        let announced = match heredoc::announced(line.joined.text()) {
            Ok(announced) => announced,
            Err(error) => {
                self.error(&error.to_string(), line.span, Some(line.start_line));
                return;
            }
        };
        for one in announced {
            let terminated = self.heredoc(line, one);
            line.end_line = self.read;
            if !terminated {
                break;
            }
        }
    }

    /// Reads one here-document, and says whether it ends. One that does not takes all that is left.
    fn heredoc(&mut self, line: &mut LogicalLine, announced: Announced) -> bool {
        let start = self.source.lines().start(self.read + 1);
        let mut body = Span::at(start);
        let mut terminator = None;
        while let Some(next) = self.next_in(Some(line.start_line)) {
            let text = if announced.chomp {
                next.text.trim_start_matches('\t')
            } else {
                next.text
            };
            if text == announced.name {
                terminator = Some(Span::new(next.start, next.start + next.text.len()));
                break;
            }
            body.end = next.span.end;
        }
        if terminator.is_none() {
            let message = format!("unterminated heredoc: no line holds just {}", announced.name);
            self.error(&message, line.span, Some(line.start_line));
        }
        let last = terminator.unwrap_or(Span::at(body.end));
        let Announced {
            name,
            fd,
            expand,
            chomp,
        } = announced;
        line.heredocs.push(Heredoc {
            name,
            fd,
            expand,
            chomp,
            body,
            terminator: last,
        });
        // Without a terminator the last line ending still is none of the instruction.
        let body_text = self.text.get(body.range()).unwrap_or_default();
        let body_end = body.start + body_text.trim_end_matches(['\r', '\n']).len();
        line.span.end = line
            .span
            .end
            .max(if terminator.is_some() { last.end } else { body_end });
        terminator.is_some()
    }
}

/// Whether the instruction is a RUN, COPY or ADD (also below one ONBUILD) that is not in JSON form.
fn takes_heredocs(joined: &Joined, escape: char) -> bool {
    let mut split = words::split_instruction(joined, 0..joined.text().len(), escape);
    if split.keyword.value.eq_ignore_ascii_case("onbuild") {
        split = words::split_instruction(joined, split.arguments, escape);
    }
    let keyword = &split.keyword.value;
    ["run", "copy", "add"].iter().any(|k| keyword.eq_ignore_ascii_case(k))
        && json::json_words(joined, split.arguments).is_err()
}

/// Whether bytes that are not UTF-8 stand under the text.
fn is_masked(source: &SourceFile, joined: &Joined) -> bool {
    joined.pieces().any(|(range, offset)| {
        let bytes = source.bytes().get(offset..offset + range.len()).unwrap_or_default();
        bytes != joined.slice(range).as_bytes()
    })
}

#[cfg(test)]
mod tests;
