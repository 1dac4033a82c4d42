//! The script of a RUN, CMD, ENTRYPOINT or HEALTHCHECK as the shell gets it, for a checker that reads text: continuations glued, comment
//! lines gone, variables of the Dockerfile declared above it, and every place with its way back.

use super::scripts::Shells;
use crate::model::instruction::Healthcheck;
use crate::model::scope::Variable;
use crate::model::{Dockerfile, Form, Instruction, Keyword, Kind, scope};
use crate::shell::{Dialect, MAX_BODY, is_errexit};
use crate::source::Span;
use crate::syntax::heredoc::announce;
use crate::syntax::{Heredoc, Joined, Word, suppress};
use std::fmt::Write;
use std::ops::Range;

/// A script with the way back to its Dockerfile.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// The language; always a [posix-like](Dialect::is_posix_like) one.
    pub dialect: Dialect,
    /// Declarations, then the script.
    text: String,
    /// Bytes of `text` that are declarations; they end with a line end.
    header: usize,
    /// Lines of `text` that are declarations.
    header_lines: usize,
    /// The script alone.
    script: Joined,
    /// Offsets in the script at which its lines begin.
    lines: Vec<usize>,
    /// The instruction.
    instruction: Span,
}

/// The scripts of all RUN, CMD, ENTRYPOINT and HEALTHCHECK instructions, those behind ONBUILD
/// included; exec forms and shells that are no relative of `sh` have none.
pub fn transcripts(file: &Dockerfile) -> Vec<Transcript> {
    let shells = Shells::of(file);
    let comments = suppress::suppressions(&file.source, &file.lines);
    let mut hints = comments.shells.iter().peekable();
    // What `# hadolint shell=` says holds until a SHELL or FROM.
    let mut hinted: Option<Dialect> = None;
    let mut found = Vec::new();
    for instruction in &file.instructions {
        if matches!(instruction.keyword, Keyword::From | Keyword::Shell) {
            hinted = None;
        }
        while let Some(hint) = hints.next_if(|hint| hint.instruction <= instruction.line) {
            hinted = Some(Dialect::of_program(&hint.shell));
        }
        let dialect = hinted.as_ref().unwrap_or_else(|| shells.at(instruction.index));
        found.extend(of_script(file, instruction.inner(), dialect));
    }
    found
}

fn of_script(file: &Dockerfile, instruction: &Instruction, dialect: &Dialect) -> Option<Transcript> {
    let (word, heredocs): (&Word, &[Heredoc]) = match &instruction.kind {
        Kind::Run {
            form: Form::Shell(word),
            heredocs,
            ..
        } => (word, heredocs),
        Kind::Cmd(Form::Shell(word))
        | Kind::Entrypoint(Form::Shell(word))
        | Kind::Healthcheck(Healthcheck::Cmd(Form::Shell(word))) => (word, &[]),
        _ => return None,
    };
    if !dialect.is_posix_like() {
        return None;
    }
    let body = if word.span.is_empty() {
        instruction.arguments_span
    } else {
        word.span
    };
    let glued = &file.lines.instructions.get(instruction.line)?.joined;
    let range = glued_range(glued, body)?;
    let command = glued.slice(range.clone());
    if command.len() + heredocs.iter().map(|h| h.body.len()).sum::<usize>() > MAX_BODY {
        return None;
    }
    let mut script = Joined::new();
    let mut dialect = dialect.clone();
    match heredocs {
        // BuildKit runs the heredoc itself where it is the only word, and gives it to the shell otherwise.
        [heredoc] if matches!(announce(command.trim()), Ok(Some(_))) => {
            dialect = Dialect::of_shebang(file.source.slice(heredoc.body)).unwrap_or(dialect);
            push_lines(&mut script, file, heredoc.body, heredoc.chomp);
        }
        heredocs => {
            for (piece, offset) in glued.pieces() {
                let part = piece.start.max(range.start)..piece.end.min(range.end);
                if part.start < part.end {
                    script.push(glued.slice(part.clone()), offset + (part.start - piece.start));
                }
            }
            script.push("\n", body.end);
            for heredoc in heredocs {
                push_heredoc(&mut script, file, heredoc);
            }
        }
    }
    if !dialect.is_posix_like() || script.text().trim().is_empty() {
        return None;
    }
    let in_build = matches!(instruction.kind, Kind::Run { .. });
    let mut text = header(file, instruction.index, in_build);
    let header = text.len();
    let header_lines = text.matches('\n').count();
    text.push_str(script.text());
    let ends = script
        .text()
        .bytes()
        .enumerate()
        .filter(|(_, b)| *b == b'\n')
        .map(|(i, _)| i + 1);
    let lines = std::iter::once(0).chain(ends).collect();
    Some(Transcript {
        dialect,
        text,
        header,
        header_lines,
        script,
        lines,
        instruction: instruction.span,
    })
}

/// The part of the glued text that a span of the file covers.
fn glued_range(glued: &Joined, span: Span) -> Option<Range<usize>> {
    let mut found: Option<Range<usize>> = None;
    for (piece, offset) in glued.pieces() {
        let start = offset.max(span.start);
        let end = (offset + piece.len()).min(span.end);
        if start < end {
            let part = piece.start + (start - offset)..piece.start + (end - offset);
            found = Some(found.map_or(part.clone(), |whole| whole.start..part.end));
        }
    }
    found
}

fn push_heredoc(script: &mut Joined, file: &Dockerfile, heredoc: &Heredoc) {
    push_lines(script, file, heredoc.body, false);
    // A carriage return would make the delimiter another one.
    let end = file.source.slice(heredoc.terminator).trim_end_matches('\r');
    script.push(end, heredoc.terminator.start);
    script.push("\n", heredoc.terminator.start + end.len());
}

/// Pushes lines of the file, without carriage returns at their ends.
fn push_lines(script: &mut Joined, file: &Dockerfile, span: Span, chomp: bool) {
    let mut offset = span.start;
    for line in file.source.slice(span).split_inclusive('\n') {
        let tabs = if chomp {
            line.len() - line.trim_start_matches('\t').len()
        } else {
            0
        };
        match line.strip_suffix("\r\n") {
            Some(content) => {
                script.push(content.get(tabs..).unwrap_or_default(), offset + tabs);
                script.push("\n", offset + content.len() + 1);
            }
            None => script.push(line.get(tabs..).unwrap_or_default(), offset + tabs),
        }
        offset += line.len();
    }
}

/// What the script may take for granted: the shell's options, and the variables in force; those of
/// ARG and the proxies' only in the build. A value that is one plain word is told, since such a one
/// needs no quotes; others stay unknown, and so do all in a container, which is started with others.
fn header(file: &Dockerfile, index: usize, in_build: bool) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    for name in scope::PROXY_ARGS.iter().filter(|_| in_build) {
        let lower = name.to_ascii_lowercase();
        let _ = writeln!(out, "export {name}=\"${{{name}-}}\" {lower}=\"${{{lower}-}}\"");
    }
    let mut variables = file.view_at(index).variables();
    variables.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let is_seen = |v: &&Variable| (in_build || v.is_env) && is_shell_name(&v.name);
    for variable in variables.into_iter().filter(is_seen) {
        let name = &variable.name;
        let _ = match variable.value.as_deref().filter(|value| in_build && is_plain(value)) {
            Some(value) => writeln!(out, "export {name}={value}"),
            None => writeln!(out, "export {name}=\"${{{name}-}}\""),
        };
    }
    let shell = file.settings_at(index).shell.and_then(|setting| setting.value);
    if shell.is_some_and(|words| has_errexit(&words)) {
        out.push_str("set -e\n");
    }
    out
}

fn is_shell_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
}

fn is_plain(value: &str) -> bool {
    value.len() <= 256
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_./:@%+,-".contains(&b))
}

/// Whether a SHELL ends scripts at the first failing command: `-e`, `-ec`, `-o errexit`.
fn has_errexit(words: &[String]) -> bool {
    words.iter().skip(1).any(|word| is_errexit(word))
}

impl Transcript {
    /// Declarations, then the script. A line of it ends at `\n`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The script's own part of the text.
    pub fn script(&self) -> &str {
        self.text.get(self.header..).unwrap_or_default()
    }

    /// The bytes of the Dockerfile between two places of the text, given as line and column from 1;
    /// columns count characters. None for what lies in the declarations or in no line. What is
    /// empty is widened to the character there, so that something can be underlined.
    pub fn span(&self, start: (usize, usize), end: (usize, usize)) -> Option<Span> {
        let start = self.offset(start)?;
        let mut end = self.offset(end)?.max(start);
        let mut start = start;
        let text = self.script.text();
        if end == start {
            let next = text
                .get(start..)
                .and_then(|rest| rest.chars().next())
                .filter(|c| *c != '\n');
            match next {
                Some(next) => end += next.len_utf8(),
                // At a line's end it is the character before.
                None => {
                    let before = text.get(..start).unwrap_or_default().trim_end_matches('\n');
                    end = before.len();
                    start = end - before.chars().next_back().map_or(0, char::len_utf8);
                }
            }
        }
        let span = self.script.span(start, end);
        let span = Span::new(
            span.start.max(self.instruction.start),
            span.end.min(self.instruction.end),
        );
        (!span.is_empty()).then_some(span)
    }

    /// The bytes of the Dockerfile that a change between two places is to replace; none where the
    /// file's bytes are not the text's. An insertion stands behind what comes `before` it, or
    /// before what comes behind it.
    pub fn exact(&self, start: (usize, usize), end: (usize, usize), before: bool) -> Option<Span> {
        let start = self.offset(start)?;
        let end = self.offset(end)?;
        let span = match end.checked_sub(start)? {
            0 if before && start > 0 => Span::at(self.script.offset(start - 1) + 1),
            0 => Span::at(self.script.offset(start)),
            _ if self.script.is_contiguous(start, end) => self.script.span(start, end),
            _ => return None,
        };
        self.instruction.contains(span).then_some(span)
    }

    /// The offset in the script of a line and column of the text.
    fn offset(&self, (line, column): (usize, usize)) -> Option<usize> {
        let line = line.checked_sub(self.header_lines)?.checked_sub(1)?;
        let text = self.script.text();
        // Behind the last line end there is a place, too.
        let start = *self.lines.get(line)?;
        let end = self.lines.get(line + 1).map_or(text.len(), |next| next - 1);
        let content = text.get(start..end)?;
        let at = content
            .char_indices()
            .nth(column.checked_sub(1)?)
            .map_or(content.len(), |(at, _)| at);
        Some(start + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    fn read(text: &str) -> (Dockerfile, Vec<Transcript>) {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        let found = transcripts(&file);
        (file, found)
    }

    /// What the Dockerfile has under a part of a script.
    fn under(text: &str, part: &str) -> String {
        let (file, found) = read(text);
        let at = found[0].script().find(part).unwrap();
        let line = found[0].header_lines + 1 + found[0].script()[..at].matches('\n').count();
        let start = found[0].script()[..at].rsplit('\n').next().unwrap().chars().count() + 1;
        let span = found[0]
            .span((line, start), (line, start + part.chars().count()))
            .unwrap();
        file.source.slice(span).to_owned()
    }

    #[test]
    fn scripts_are_as_the_shell_gets_them() {
        let (_, found) = read(
            "FROM a\nRUN a \\\r\n  # no\n\n  b 'c\\\nd'\nRUN [\"x\"]\nONBUILD RUN --mount=type=tmpfs,target=/t e\n",
        );
        let scripts: Vec<_> = found.iter().map(Transcript::script).collect();
        assert_eq!(scripts, ["a   b 'cd'\n", "e\n"]);
        let (_, found) = read(
            "FROM a\nRUN <<-E\n\ta\r\n\t\tb\n\tE\nRUN cat <<F >x && y\n$z\nF\nRUN <<E\n#!/usr/bin/python3\nx\nE\n",
        );
        let scripts: Vec<_> = found.iter().map(Transcript::script).collect();
        assert_eq!(scripts, ["a\nb\n", "cat <<F >x && y\n$z\nF\n"]);
    }

    #[test]
    fn what_a_container_runs_has_its_own_variables() {
        let text = "FROM a\nARG v=1\nENV w=2\nCMD a \\\n $v\nENTRYPOINT b\nHEALTHCHECK --interval=5s CMD c $w || exit 1\nCMD [\"x\"]\nHEALTHCHECK NONE\n";
        let (_, found) = read(text);
        let scripts: Vec<_> = found.iter().map(Transcript::script).collect();
        assert_eq!(scripts, ["a  $v\n", "b\n", "c $w || exit 1\n"]);
        for transcript in &found {
            let text = transcript.text();
            assert!(text.contains("export w=\"${w-}\"\n"), "{text}");
            assert!(!text.contains("export v=") && !text.contains("http_proxy"), "{text}");
        }
        let health = &found[2];
        let line = health.header_lines + 1;
        let span = health.span((line, 3), (line, 5)).unwrap();
        assert_eq!(&text[span.range()], "$w");
    }

    #[test]
    fn places_lead_back() {
        assert_eq!(under("FROM a\nRUN é $a \\\n # c\n ö $b\n", "$b"), "$b");
        assert_eq!(under("FROM a\nRUN a b\\\n # c\n\\\nc d\n", "bc"), "b\\\n # c\n\\\nc");
        assert_eq!(under("FROM a\nRUN <<-E\n\té\n\t\tb\r\n\tE\n", "b"), "b");
        assert_eq!(under("FROM a\nRUN cat <<F >x\n é$z\nF\n", "$z"), "$z");
        let (file, found) = read("FROM a\nRUN ab\n");
        let first = found[0].header_lines + 1;
        assert_eq!(found[0].span((1, 1), (1, 3)), None);
        assert_eq!(
            found[0].span((first, 1), (first, 1)).map(|s| file.source.slice(s)),
            Some("a")
        );
        assert_eq!(
            found[0]
                .span((first + 1, 1), (first + 1, 1))
                .map(|s| file.source.slice(s)),
            Some("b")
        );
        assert_eq!(
            found[0].span((first, 3), (first, 3)).map(|s| file.source.slice(s)),
            Some("b")
        );
        assert_eq!(found[0].span((first + 9, 1), (first + 9, 1)), None);
    }

    #[test]
    fn changes_lead_back_where_the_bytes_are_the_same() {
        let (file, found) = read("FROM a\nRUN x $a\\\n && y\n");
        let line = found[0].header_lines + 1;
        let end = file.source.text().find("\\\n").unwrap();
        assert_eq!(found[0].exact((line, 5), (line, 5), true), Some(Span::at(end)));
        assert_eq!(
            found[0].exact((line, 4), (line, 5), true),
            Some(Span::new(end - 1, end))
        );
        assert_eq!(found[0].exact((line, 4), (line, 7), true), None);
    }

    #[test]
    fn variables_in_force_are_declared() {
        let (_, found) = read(
            "ARG no\nFROM a\nARG v=1.2\nARG w\nENV x=\"b c\" a.b=1\nSHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN a\nENV late=1\n",
        );
        let text = found[0].text();
        for line in [
            "export v=1.2\n",
            "export w=\"${w-}\"\n",
            "export x=\"${x-}\"\n",
            "set -e\n",
            " http_proxy=",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(
            !text.contains("late") && !text.contains("a.b") && !text.contains("export no="),
            "{text}"
        );
    }
}
