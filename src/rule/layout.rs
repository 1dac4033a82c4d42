//! Commands put into a RUN in the layout that its author chose.

use crate::edit::Edit;
use crate::model::{Dockerfile, Form, Instruction, Kind};
use crate::shell::{Link, Operator, Script};
use crate::source::Span;

/// Scripts with more links than this are left as they are.
const MAX_LINKS: usize = 500;

/// Puts a SHELL instruction above a RUN, its keyword in the RUN's casing. None where the RUN stands in
/// no stage, or in an ONBUILD, whose base decides the shell.
pub fn shell_above(file: &Dockerfile, run: &Instruction, words: &[&str]) -> Option<Edit> {
    let outer = file.instructions.get(run.index)?;
    if run.stage.is_none() || outer.keyword_span != run.keyword_span {
        return None;
    }
    let written = file.source.slice(run.keyword_span);
    let keyword = if written.chars().all(|c| c.is_ascii_lowercase()) {
        "shell"
    } else {
        "SHELL"
    };
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    Some(Edit::insert(
        above_comments(file, run),
        format!("{keyword} [{}]\n", words.join(", ")),
    ))
}

/// Where the instruction begins, or the comment that stands directly above it.
fn above_comments(file: &Dockerfile, instruction: &Instruction) -> usize {
    let text = file.source.text();
    let floor = instruction
        .index
        .checked_sub(1)
        .and_then(|i| file.instructions.get(i))
        .map_or(0, |before| before.span.end);
    let mut start = instruction.keyword_span.start;
    while let Some(above) = text
        .get(floor..start)
        .and_then(|t| t.trim_end_matches([' ', '\t']).strip_suffix('\n'))
    {
        let Some(begin) = above.rfind('\n') else { break };
        if !above.get(begin + 1..).unwrap_or_default().trim_start().starts_with('#') {
            break;
        }
        start = floor + begin + 1;
    }
    start
}

/// Puts a command behind the last one of a RUN, to run only if that succeeds. None where the
/// script was not understood, or where its end leaves no place for it.
pub fn append(file: &Dockerfile, instruction: &Instruction, script: &Script, command: &str) -> Option<Edit> {
    let last = last_link(file, instruction, script)?;
    if is_heredoc(instruction, script) {
        if !fails_early(script) {
            return None;
        }
        let line = file.source.slice(Span::new(
            file.source.lines().start(file.source.line_column(last.span.start).0),
            last.span.start,
        ));
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        return Some(Edit::insert(last.span.end, format!("\n{indent}{command}")));
    }
    Some(Edit::insert(
        last.span.end,
        format!("{}{command}", separator(file, script)),
    ))
}

/// What stands between two commands of the RUN when a third is added: ` && `, or the continuation
/// that the author writes.
pub fn separator(file: &Dockerfile, script: &Script) -> String {
    let text = |span: Span| file.source.slice(span);
    for pair in script.chain.windows(2).rev() {
        let [before, link] = pair else { continue };
        let Some((operator, at)) = link.operator else { continue };
        if before.span.end > at.start || at.end > link.span.start {
            continue;
        }
        let (left, right) = (
            text(Span::new(before.span.end, at.start)),
            text(Span::new(at.end, link.span.start)),
        );
        let plain = |s: &str| s.chars().all(|c| c.is_whitespace() || c == file.lines.escape);
        if !(left.contains('\n') || right.contains('\n')) || !plain(left) || !plain(right) {
            continue;
        }
        match operator {
            Operator::AndIf => return unix(&format!("{}&&{}", one_line(left), one_line(right))),
            Operator::Semicolon if left.is_empty() => return unix(&format!(" &&{}", one_line(right))),
            _ => {}
        }
    }
    if file.source.slice(script.span).contains('\n') {
        let indent = last_indent(file.source.slice(script.span));
        let escape = file.lines.escape;
        return format!(" {escape}\n{indent}&& ");
    }
    " && ".to_owned()
}

/// Where a RUN's last command ends, if a command may be put behind it.
pub fn end(file: &Dockerfile, instruction: &Instruction, script: &Script) -> Option<usize> {
    last_link(file, instruction, script).map(|link| link.span.end)
}

/// The RUN from its keyword to its end, where it is nothing but one command or one pipeline: in shell
/// form, without flags and heredocs. None for every other, and behind ONBUILD.
pub fn sole(file: &Dockerfile, instruction: &Instruction, script: &Script) -> Option<Span> {
    let is_plain = match &instruction.kind {
        Kind::Run {
            form: Form::Shell(_),
            heredocs,
            ..
        } => heredocs.is_empty() && instruction.flags.is_empty() && !instruction.opaque,
        _ => false,
    };
    let [link] = script.chain.as_slice() else { return None };
    let outer = file.instructions.get(instruction.index)?;
    let behind = Span::new(link.span.end, script.span.end.max(link.span.end));
    let above = Span::new(instruction.keyword_span.end, link.span.start);
    let plain = is_plain
        && !script.has_error
        && link.is_simple
        && outer.keyword_span == instruction.keyword_span
        && file.source.slice(behind).trim().is_empty()
        && !file.source.slice(above).contains('#');
    plain.then(|| Span::new(instruction.keyword_span.start, link.span.end))
}

/// Makes two RUNs that follow each other one. None where a comment stands between, where the first
/// changes the state of its shell, or where one was not understood. Flags are the caller's matter.
pub fn merge(file: &Dockerfile, first: (&Instruction, &Script), second: (&Instruction, &Script)) -> Option<Edit> {
    let is_shell = |i: &Instruction| match &i.kind {
        Kind::Run {
            form: Form::Shell(_),
            heredocs,
            ..
        } => heredocs.is_empty() && !i.opaque,
        _ => false,
    };
    if !is_shell(first.0) || !is_shell(second.0) || second.1.has_error || second.1.trailing_comment.is_some() {
        return None;
    }
    let keeps = first.1.commands.iter().all(|c| {
        !matches!(
            c.name.text.as_str(),
            "cd" | "export" | "set" | "." | "source" | "exec" | "exit" | "umask" | ""
        )
    });
    // `a || b` behind `&&` would mean something else.
    let chained = second
        .1
        .chain
        .iter()
        .all(|link| !matches!(link.operator, Some((Operator::OrIf | Operator::Background, _))));
    let end = end(file, first.0, first.1)?;
    let start = second.1.chain.first()?.span.start;
    let between = file.source.slice(Span::new(first.0.span.end, second.0.span.start));
    let before = file.source.slice(Span::new(second.0.keyword_span.end, start));
    if !keeps || !chained || !between.trim().is_empty() || end > start || before.contains('#') {
        return None;
    }
    let joint = format!(" && {}\n    ", file.lines.escape);
    Some(Edit::replace(Span::new(end, start), joint))
}

/// The link that a command may be put behind.
fn last_link<'s>(file: &Dockerfile, instruction: &Instruction, script: &'s Script) -> Option<&'s Link> {
    let Kind::Run {
        form: Form::Shell(_),
        heredocs,
        ..
    } = &instruction.kind
    else {
        return None;
    };
    // A hostile script with a finding in each command must not cost its square.
    if script.chain.len() > MAX_LINKS {
        return None;
    }
    let in_heredoc = is_heredoc(instruction, script);
    if script.has_error
        || script.trailing_comment.is_some()
        || !in_heredoc && !heredocs.is_empty()
        || heredocs.len() > 1
    {
        return None;
    }
    if instruction.opaque || !script.dialect.is_posix_like() {
        return None;
    }
    let last = script.chain.last()?;
    if script
        .chain
        .iter()
        .any(|link| matches!(link.operator, Some((Operator::Background, _))))
    {
        return None;
    }
    // Nothing may follow it but blanks and continuations: a `;` or `&` would be in the way.
    let rest = file
        .source
        .slice(Span::new(last.span.end, script.span.end.max(last.span.end)));
    let is_free = rest.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') && in_heredoc || line.len() == 1 && line.starts_with(file.lines.escape)
    });
    let ends = last.commands.clone().next_back().and_then(|i| script.commands.get(i));
    let leaves = ends.is_some_and(|c| matches!(c.name.text.as_str(), "exec" | "exit"));
    (is_free && !leaves).then_some(last)
}

fn is_heredoc(instruction: &Instruction, script: &Script) -> bool {
    matches!(&instruction.kind, Kind::Run { heredocs, .. } if heredocs.iter().any(|h| h.body.contains(script.span)))
}

/// Whether a script stops at its first failure, so that one more command at its end hides none.
fn fails_early(script: &Script) -> bool {
    let sets = |c: &&crate::shell::Command| c.name.text == "set" && c.place.depth == 0;
    script.commands.iter().filter(sets).any(|c| {
        c.words.iter().any(|w| {
            w.text == "errexit" || w.text.starts_with('-') && !w.text.starts_with("--") && w.text.contains('e')
        })
    })
}

/// The part with at most one line end: comment and blank lines between stay where they are.
fn one_line(text: &str) -> &str {
    match text.find('\n') {
        Some(first) => {
            let last = text.rfind('\n').unwrap_or(first);
            if first == last {
                text
            } else {
                text.get(..=first).unwrap_or(text)
            }
        }
        None => text,
    }
}

fn unix(text: &str) -> String {
    text.replace('\r', "")
}

/// The indentation of the last line that holds anything.
fn last_indent(text: &str) -> &str {
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.is_empty() { "    " } else { indent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use crate::source::SourceFile;

    fn appended(run: &str) -> Option<String> {
        let text = format!("FROM debian\n{run}\n");
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text.as_str()));
        let facts = Facts::new(&file, None);
        let instruction = &file.instructions[1];
        let edit = append(&file, instruction, &facts.run(instruction)?.script, "c")?;
        let mut out = text.clone();
        out.replace_range(edit.span.range(), &edit.text);
        Some(out["FROM debian\n".len()..].trim_end().to_owned())
    }

    #[test]
    fn commands_are_appended_in_the_style_of_the_run() {
        for (run, wanted) in [
            ("RUN a", "RUN a && c"),
            ("RUN a && b", "RUN a && b && c"),
            ("RUN a \\\n && b", "RUN a \\\n && b \\\n && c"),
            ("RUN a && \\\n    b", "RUN a && \\\n    b && \\\n    c"),
            ("RUN a; \\\n  b", "RUN a; \\\n  b && \\\n  c"),
            (
                "RUN a \\\n      x \\\n      y",
                "RUN a \\\n      x \\\n      y \\\n      && c",
            ),
            ("RUN a \\\n # why\n && b", "RUN a \\\n # why\n && b \\\n && c"),
            ("RUN a || true", "RUN a || true && c"),
            ("RUN if a; then b; fi", "RUN if a; then b; fi && c"),
            ("RUN a > /x 2>&1", "RUN a > /x 2>&1 && c"),
            ("RUN <<EOF\nset -e\n  a\nEOF", "RUN <<EOF\nset -e\n  a\n  c\nEOF"),
        ] {
            assert_eq!(appended(run).as_deref(), Some(wanted), "{run}");
        }
    }

    #[test]
    fn nothing_is_appended_where_it_would_change_what_runs() {
        for run in [
            "RUN a &",
            "RUN a;",
            "RUN exec a",
            "RUN a # b",
            "RUN [\"a\"]",
            "RUN <<EOF\na\nb\nEOF",
            "RUN cat <<EOF > /x\na\nEOF",
            "RUN a && (",
        ] {
            assert_eq!(appended(run), None, "{run}");
        }
    }
}
