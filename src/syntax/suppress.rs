//! Comments that silence findings, in three dialects.
//!
//! - `# mbopt: ignore[id, alias] reason` (the next instruction, or the one it stands in),
//!   `# mbopt: ignore-stage[...]`, `# mbopt: ignore-file[...]`;
//! - hadolint's `# hadolint ignore=DL3008,DL3009` (the instruction directly below; other comments may
//!   stand between, blank lines may not), `# hadolint stage ignore=` and `# hadolint global ignore=`,
//!   and its `# hadolint shell=`, which silences nothing;
//! - BuildKit's directive `# check=skip=A,B;error=true`, and the same above an instruction.

use super::directive;
use super::lines::{Comment, Directive, Lines};
use crate::source::{SourceFile, Span};

/// Where findings are silenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// In one instruction: an index into [`Lines::instructions`].
    Instruction(usize),
    /// In the stage that holds this instruction: an index into [`Lines::instructions`].
    Stage(usize),
    /// In the whole file.
    File,
}

/// Whose comment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `# mbopt: ...`.
    Mbopt,
    /// `# hadolint ...`.
    Hadolint,
    /// `# check=skip=...`.
    BuildKit,
}

/// A comment that silences findings, or was meant to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Where it holds. Of a malformed one, what it would have been.
    pub scope: Scope,
    /// Whose it is.
    pub dialect: Dialect,
    /// Rules by id or alias, as written, each with its place. BuildKit's `all` is among them.
    pub ids: Vec<(String, Span)>,
    /// The text behind the list, where there is any.
    pub reason: Option<String>,
    /// The whole line with its line ending: what goes when the comment goes.
    pub span: Span,
    /// From the `#` to the end of the comment.
    pub comment: Span,
    /// Why it silences nothing, for people.
    pub malformed: Option<String>,
}

impl Suppression {
    /// Whether a line below is a comment only because this one stands above it: with the comment
    /// gone, BuildKit would read it as a parser directive.
    pub fn holds_back_directive(&self, text: &str) -> bool {
        let above = text.get(..self.span.start).unwrap_or_default();
        let below = text.get(self.span.end..).unwrap_or_default();
        let is_comment = |line: &str| line.trim_start_matches('\u{feff}').trim_start().starts_with('#');
        above.lines().all(is_comment)
            && below
                .lines()
                .next()
                .is_some_and(|line| directive::parse(line.trim_start(), 0).is_some())
    }
}

/// `# hadolint shell=`: the shell that runs the instructions from here on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellHint {
    /// The shell, as written.
    pub shell: String,
    /// Where the name stands.
    pub span: Span,
    /// Index into [`Lines::instructions`] of the first instruction below.
    pub instruction: usize,
}

/// What the `check` directive says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckOptions {
    /// `error=true`: BuildKit's warnings fail the build.
    pub error: bool,
    /// Rules of `experimental=`, `all` among them.
    pub experimental: Vec<String>,
    /// Why BuildKit refuses the directive, and with it the build.
    pub problem: Option<String>,
}

/// All that the comments of a file say to a linter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suppressions {
    /// In the order of the file.
    pub list: Vec<Suppression>,
    /// Shell hints, in order.
    pub shells: Vec<ShellHint>,
    /// Of the `check` directive, where there is one.
    pub check: Option<CheckOptions>,
}

/// What the `check` directive says, where there is one. Reads no comment.
pub fn check_options(source: &SourceFile, lines: &Lines) -> Option<CheckOptions> {
    let directive = lines.detected.iter().find(|d| d.name == "check")?;
    let mut found = Suppressions::default();
    read_check(source, directive, &mut found);
    found.check
}

/// Reads the comments of a file.
pub fn suppressions(source: &SourceFile, lines: &Lines) -> Suppressions {
    let mut found = Suppressions::default();
    let content = source.text();
    if let Some(directive) = lines.detected.iter().find(|d| d.name == "check") {
        read_check(source, directive, &mut found);
    }
    read_checks_above(source, lines, &mut found);
    for comment in &lines.comments {
        let text = content.get(comment.span.range()).unwrap_or_default();
        let mut cursor = Cursor {
            text,
            at: 1,
            offset: comment.span.start,
        };
        cursor.blanks();
        if cursor.take("mbopt") {
            cursor.blanks();
            if cursor.take(":") {
                read_mbopt(source, lines, comment, cursor, &mut found);
            }
        } else if cursor.take("hadolint") && !comment.inside {
            read_hadolint(source, lines, comment, cursor, &mut found);
        }
    }
    found
}

/// A place in a comment's text.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Where the text stands in the file.
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) -> bool {
        let rest = self.rest();
        let len = rest.len() - rest.trim_start().len();
        self.at += len;
        len > 0
    }

    /// Takes `word`, in any case.
    fn take(&mut self, word: &str) -> bool {
        let found = self
            .rest()
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word));
        if found {
            self.at += word.len();
        }
        found
    }

    /// Takes characters while they fit.
    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> (&'a str, Span) {
        let rest = self.rest();
        let len = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        let start = self.offset + self.at;
        self.at += len;
        (rest.get(..len).unwrap_or_default(), Span::new(start, start + len))
    }

    /// Ids parted by commas, up to where no comma follows.
    fn ids(&mut self) -> Vec<(String, Span)> {
        let mut ids = Vec::new();
        loop {
            self.blanks();
            let (id, span) = self.take_while(is_id);
            if !id.is_empty() {
                ids.push((id.to_owned(), span));
            }
            let behind = self.at;
            self.blanks();
            if !self.take(",") {
                self.at = behind;
                return ids;
            }
        }
    }

    /// What is left, if anything.
    fn reason(&self) -> Option<String> {
        let rest = self.rest().trim();
        (!rest.is_empty()).then(|| rest.to_owned())
    }
}

fn is_id(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | '*')
}

/// The whole line around a comment.
fn whole_line(source: &SourceFile, span: Span) -> Span {
    source.lines().span(source.lines().line(span.start))
}

/// The instruction that a comment stands in, else the first below it.
fn instruction_of(lines: &Lines, comment: &Comment) -> Option<usize> {
    let i = if comment.inside {
        lines.instructions.partition_point(|l| l.end_line < comment.line)
    } else {
        lines
            .instructions
            .partition_point(|l| l.span.start < comment.span.start)
    };
    (i < lines.instructions.len()).then_some(i)
}

/// What is wrong with a comment below the last instruction.
pub const NOTHING_BELOW: &str = "no instruction follows";

fn read_mbopt(source: &SourceFile, lines: &Lines, comment: &Comment, mut cursor: Cursor, found: &mut Suppressions) {
    cursor.blanks();
    let below = instruction_of(lines, comment);
    let mut malformed = None;
    let (verb, _) = cursor.take_while(|c| c.is_ascii_alphabetic() || c == '-');
    let scope = match verb {
        "ignore" => Scope::Instruction(below.unwrap_or(0)),
        // A comment at the end of the file is about the stage that ends there.
        "ignore-stage" => Scope::Stage(below.unwrap_or(lines.instructions.len().saturating_sub(1))),
        "ignore-file" => Scope::File,
        other => {
            malformed = Some(format!("`{other}` is none of ignore, ignore-stage, ignore-file"));
            Scope::File
        }
    };
    cursor.blanks();
    let mut ids = Vec::new();
    if malformed.is_none() && !cursor.take("[") {
        malformed = Some(format!("the ids go in brackets: {verb}[id]"));
    } else if malformed.is_none() {
        ids = cursor.ids();
        cursor.blanks();
        if !cursor.take("]") {
            malformed = Some(match cursor.rest().chars().next() {
                Some(c) => format!("`{c}` cannot stand in a list of ids; they are parted by commas and end with `]`"),
                None => "the list of ids has no closing `]`".to_owned(),
            });
        } else if ids.is_empty() {
            malformed = Some("the list of ids is empty".to_owned());
        }
    }
    if malformed.is_none() && matches!(scope, Scope::Instruction(_)) && below.is_none() {
        malformed = Some(NOTHING_BELOW.to_owned());
    }
    found.list.push(Suppression {
        scope,
        dialect: Dialect::Mbopt,
        ids,
        reason: if malformed.is_none() { cursor.reason() } else { None },
        span: whole_line(source, comment.span),
        comment: comment.span,
        malformed,
    });
}

fn read_hadolint(source: &SourceFile, lines: &Lines, comment: &Comment, mut cursor: Cursor, found: &mut Suppressions) {
    if !cursor.blanks() {
        return;
    }
    let below = instruction_of(lines, comment);
    if cursor.take("shell") {
        cursor.blanks();
        if cursor.take("=") {
            cursor.blanks();
            let (shell, span) = cursor.take_while(|c| !c.is_whitespace());
            let instruction = below.unwrap_or(lines.instructions.len());
            if !shell.is_empty() {
                found.shells.push(ShellHint {
                    shell: shell.to_owned(),
                    span,
                    instruction,
                });
            }
        }
        return;
    }
    let mut malformed = None;
    let scope = if cursor.take("global") {
        Scope::File
    } else if cursor.take("stage") {
        Scope::Stage(below.unwrap_or(lines.instructions.len().saturating_sub(1)))
    } else {
        match below {
            Some(below) if is_directly_above(lines, comment, below) => {}
            Some(_) => {
                malformed = Some("it silences the instruction directly below, and a blank line follows".to_owned())
            }
            None => malformed = Some(NOTHING_BELOW.to_owned()),
        }
        Scope::Instruction(below.unwrap_or(0))
    };
    cursor.blanks();
    if !cursor.take("ignore") {
        // Prose about hadolint.
        return;
    }
    cursor.blanks();
    let mut ids = Vec::new();
    if cursor.take("=") {
        ids = cursor.ids();
        if ids.is_empty() {
            malformed = Some("the list of ids is empty".to_owned());
        }
    } else {
        malformed = Some("`=` is missing: hadolint ignore=ID".to_owned());
    }
    found.list.push(Suppression {
        scope,
        dialect: Dialect::Hadolint,
        ids,
        reason: cursor.reason(),
        span: whole_line(source, comment.span),
        comment: comment.span,
        malformed,
    });
}

/// Whether only comment lines stand between a comment and an instruction.
fn is_directly_above(lines: &Lines, comment: &Comment, below: usize) -> bool {
    let Some(first) = lines.instructions.get(below).map(|l| l.start_line) else {
        return false;
    };
    // Counted, not read: a file of nothing but such comments must not cost the square of its length.
    let before = |line: usize| lines.comments.partition_point(|c| c.line < line);
    let between = before(first) - before(comment.line + 1);
    between == first - comment.line - 1
}

/// The directive at the top of the file.
fn read_check(source: &SourceFile, directive: &Directive, found: &mut Suppressions) {
    let (options, ids) = read_options(directive);
    skip(source, directive, Scope::File, &options, ids, found);
    found.check = Some(options);
}

/// BuildKit also takes `# check=skip=...` in the comments above an instruction, for that instruction
/// alone; the first such comment counts, and a malformed one is ignored.
fn read_checks_above(source: &SourceFile, lines: &Lines, found: &mut Suppressions) {
    for (index, line) in lines.instructions.iter().enumerate() {
        // A comment that the frontend takes for the file's directive is not the instruction's too.
        let is_detected = |start: usize| lines.detected.iter().any(|d| d.span.start == start);
        let comments = line
            .comments_above
            .iter()
            .filter_map(|&i| lines.comments.get(i))
            .filter(|c| !is_detected(c.span.start));
        let directive = comments
            .filter_map(|c| directive::parse(source.slice(c.span), c.span.start))
            .find(|(name, _)| *name == "check");
        if let Some((_, directive)) = directive {
            let (options, ids) = read_options(&directive);
            if options.problem.is_none() {
                skip(source, &directive, Scope::Instruction(index), &options, ids, found);
            }
        }
    }
}

fn skip(
    source: &SourceFile,
    directive: &Directive,
    scope: Scope,
    options: &CheckOptions,
    ids: Option<Vec<(String, Span)>>,
    found: &mut Suppressions,
) {
    let Some(ids) = ids else { return };
    found.list.push(Suppression {
        scope,
        dialect: Dialect::BuildKit,
        malformed: options
            .problem
            .clone()
            .or_else(|| ids.is_empty().then(|| "the list of rules is empty".to_owned())),
        ids,
        reason: None,
        span: whole_line(source, directive.span),
        comment: directive.span,
    });
}

/// What the directive asks for, and what its `skip` lists, where there is one. BuildKit takes the
/// value up to the first space, and at most three options.
fn read_options(directive: &Directive) -> (CheckOptions, Option<Vec<(String, Span)>>) {
    let value = directive.value.split(' ').next().unwrap_or_default();
    let mut options = CheckOptions::default();
    let mut ids = None;
    let mut at = directive.value_span.start;
    for part in value.splitn(3, ';') {
        let start = at;
        at += part.len() + 1;
        if options.problem.is_some() || value.is_empty() {
            break;
        }
        let Some((key, list)) = part.split_once('=') else {
            options.problem = Some(format!("invalid check option {}", super::quote::quoted(part)));
            continue;
        };
        let list_start = start + key.len() + 1;
        match key.trim() {
            "skip" => ids = Some(split_ids(list, list_start)),
            "experimental" => {
                options.experimental = split_ids(list, list_start).into_iter().map(|(id, _)| id).collect()
            }
            "error" => match list.trim() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => options.error = true,
                "0" | "f" | "F" | "false" | "FALSE" | "False" => options.error = false,
                _ => options.problem = Some(format!("failed to parse check option {}", super::quote::quoted(part))),
            },
            key => options.problem = Some(format!("invalid check option {}", super::quote::quoted(key))),
        }
    }
    (options, ids)
}

fn split_ids(list: &str, start: usize) -> Vec<(String, Span)> {
    let mut at = start;
    let mut ids = Vec::new();
    for piece in list.split(',') {
        let id = piece.trim();
        let lead = piece.len() - piece.trim_start().len();
        if !id.is_empty() {
            ids.push((id.to_owned(), Span::new(at + lead, at + lead + id.len())));
        }
        at += piece.len() + 1;
    }
    ids
}

#[cfg(test)]
mod tests;
