//! Where a RUN may be cut, and what its parts look like.
//!
//! A RUN is cut only between links of its top level that are joined by `&&`, or by `;` where the
//! shell stops at the first failure anyway. Links that only set the shell's state in a way that can
//! be repeated (`set -e`, `cd folder`, `export A=b`) stand in front of every part; where other state
//! is set (variables, functions, traps, sourced files), or links are joined by `||` or `&`, it is not
//! cut at all.

use crate::facts::Facts;
use crate::model::{Form, Instruction, Kind};
use crate::shell::{Command, Link, Operator, Script, is_errexit};
use crate::source::Span;

/// A RUN that may be cut.
#[derive(Debug, Clone, Copy)]
pub struct Cuttable<'a> {
    text: &'a str,
    escape: char,
    instruction: &'a Instruction,
    script: &'a Script,
}

/// Why a RUN is kept whole.
pub type Whole = &'static str;

/// The RUN, if its links can be dealt out to several.
///
/// # Errors
/// What speaks against it, for people.
pub fn cuttable<'a>(facts: &'a Facts<'a>, instruction: &'a Instruction) -> Result<Cuttable<'a>, Whole> {
    let file = facts.file();
    let Kind::Run { form, heredocs, .. } = &instruction.kind else {
        return Err("it is no RUN");
    };
    if !matches!(form, Form::Shell(_)) || !heredocs.is_empty() || instruction.opaque {
        return Err("it is not written as one shell command line");
    }
    let Some(run) = facts.run(instruction) else {
        return Err("its script is not understood");
    };
    let script = &run.script;
    if script.has_error || script.trailing_comment.is_some() || !script.dialect.is_posix_like() {
        return Err("its script is not understood");
    }
    let mut stops = false;
    for link in &script.chain {
        match link.operator {
            None | Some((Operator::AndIf, _)) => {}
            Some((Operator::Semicolon, _)) if stops => {}
            Some((Operator::Semicolon, _)) => return Err("`;` goes on where a command fails"),
            Some((Operator::OrIf, _)) => return Err("`||` joins its commands"),
            Some((Operator::Background, _)) => return Err("it runs commands in the background"),
            Some(_) => return Err("it is a script of several lines"),
        }
        match state(script, link) {
            State::None => {}
            State::Repeatable { errexit } => stops |= errexit,
            State::Other(why) => return Err(why),
        }
    }
    Ok(Cuttable {
        text: file.source.text(),
        escape: file.lines.escape,
        instruction,
        script,
    })
}

/// What a link leaves to those behind it, beyond files.
enum State {
    None,
    Repeatable { errexit: bool },
    Other(Whole),
}

fn state(script: &Script, link: &Link) -> State {
    let outer = |c: &&Command| !c.place.nested && !c.place.in_subshell && !c.place.in_substitution;
    let commands = script.link_commands(link);
    if commands.iter().any(|c| c.place.in_function) {
        return State::Other("it defines functions");
    }
    for command in commands.iter().filter(outer) {
        let alone = commands.len() == 1 && link.is_simple && link.pipes.is_empty() && command.redirects.is_empty();
        match command.name.text.as_str() {
            "" if command.assignments.is_empty() => {}
            "" => return State::Other("it sets variables of the shell"),
            "set" | "shopt" if alone => {
                let errexit = command.words.iter().any(|w| is_errexit(&w.text));
                return State::Repeatable { errexit };
            }
            "cd" | "pushd" if alone && command.words.iter().all(|w| w.literal) && command.words.len() == 1 => {
                return State::Repeatable { errexit: false };
            }
            "export"
                if alone
                    && command.words.is_empty()
                    && command
                        .assignments
                        .iter()
                        .all(|a| a.value.as_ref().is_none_or(|v| v.literal)) =>
            {
                return State::Repeatable { errexit: false };
            }
            "cd" | "pushd" | "popd" | "export" | "set" | "shopt" => {
                return State::Other("it changes folder or variables in a way that cannot be repeated");
            }
            "umask" | "trap" | "source" | "." | "eval" | "alias" | "unset" | "exec" | "exit" | "wait" => {
                return State::Other("it changes the state of its shell");
            }
            _ => {}
        }
    }
    State::None
}

fn is_move(command: &Command) -> bool {
    matches!(command.name.text.as_str(), "cd" | "pushd" | "popd")
}

impl<'a> Cuttable<'a> {
    /// The number of links.
    pub fn len(&self) -> usize {
        self.script.chain.len()
    }

    /// Whether there is nothing to cut.
    pub fn is_empty(&self) -> bool {
        self.script.chain.is_empty()
    }

    /// Whether a link only sets the shell's state.
    pub fn is_state(&self, link: usize) -> bool {
        let link = self.script.chain.get(link);
        link.is_some_and(|link| matches!(state(self.script, link), State::Repeatable { .. }))
    }

    /// The RUN with only these links (ascending), and those that set the state in front of them, in
    /// its author's layout; none where no link is left but state.
    pub fn keep(&self, links: &[usize]) -> Option<String> {
        self.chosen(links, true)
    }

    /// The same for another file system, where the folders that `cd` names may not be: without `cd`.
    /// None, too, where a link has a path that is seen from such a folder.
    pub fn keep_elsewhere(&self, links: &[usize]) -> Option<String> {
        let moved = |at: usize| {
            let before = self.script.chain.iter().take(at);
            before.flat_map(|l| self.script.link_commands(l)).any(is_move)
        };
        let relative = links.iter().any(|&at| {
            let commands = self.script.chain.get(at).map(|l| self.script.link_commands(l));
            moved(at)
                && commands
                    .unwrap_or_default()
                    .iter()
                    .flat_map(|c| c.effective().words)
                    .any(|w| w.text.starts_with('.') || w.text.contains('/') && !w.text.starts_with(['/', '-', '$']))
        });
        if relative { None } else { self.chosen(links, false) }
    }

    fn chosen(&self, links: &[usize], moves: bool) -> Option<String> {
        let chain = &self.script.chain;
        let last = *links.iter().filter(|&&l| !self.is_state(l)).max()?;
        let mut out = self
            .slice(Span::new(self.instruction.span.start, chain.first()?.span.start))
            .to_owned();
        let mut first = true;
        for (index, link) in chain.iter().enumerate().take(last + 1) {
            let stays = moves || !self.script.link_commands(link).iter().any(is_move);
            if !(links.contains(&index) || self.is_state(index) && stays) {
                continue;
            }
            if first {
                // Comments that stand between RUN and a first command that is cut away go with it.
                if index > 0 {
                    out = self.head();
                }
            } else {
                let before = index.checked_sub(1).and_then(|i| chain.get(i))?;
                out.push_str(self.slice(Span::new(before.span.end, link.span.start)));
            }
            first = false;
            out.push_str(self.slice(link.span));
        }
        Some(out)
    }

    /// Keyword and flags.
    fn head(&self) -> String {
        let end = self
            .instruction
            .flags
            .iter()
            .map(|f| f.span.end)
            .max()
            .unwrap_or(self.instruction.keyword_span.end);
        let written = self.slice(Span::new(self.instruction.span.start, end));
        if self.instruction.flags.is_empty() {
            return format!("{written} ");
        }
        // Flags often stand on lines of their own.
        let gap = self.slice(Span::new(end, self.script.span.start));
        if gap.contains('\n') {
            format!("{written} {}\n    ", self.escape)
        } else {
            format!("{written} ")
        }
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dockerfile;
    use crate::source::SourceFile;

    fn kept(run: &str, links: &[usize]) -> Result<Option<String>, Whole> {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", format!("FROM debian\n{run}\n")));
        let facts = Facts::new(&file, None);
        cuttable(&facts, &file.instructions[1]).map(|c| c.keep(links))
    }

    #[test]
    fn parts_keep_the_layout_and_the_state() {
        for (run, links, wanted) in [
            ("RUN a && b && c", &[0, 2][..], "RUN a && c"),
            ("RUN a && \\\n    b && \\\n    c", &[1, 2], "RUN b && \\\n    c"),
            (
                "RUN a \\\n # why b\n && b \\\n # why c\n && c",
                &[0, 2],
                "RUN a \\\n # why c\n && c",
            ),
            ("RUN set -ex; \\\n  a; \\\n  b", &[2], "RUN set -ex; \\\n  b"),
            ("RUN cd x && a && b", &[1], "RUN cd x && a"),
            ("RUN cd x && a && b", &[2], "RUN cd x && b"),
            (
                "RUN --mount=type=cache,target=/c a && b",
                &[1],
                "RUN --mount=type=cache,target=/c b",
            ),
            ("RUN a | tee x && b", &[0], "RUN a | tee x"),
            ("RUN export A=1 && a && b", &[2], "RUN export A=1 && b"),
            ("RUN a && (cd x && b) && c", &[1], "RUN (cd x && b)"),
        ] {
            assert_eq!(kept(run, links), Ok(Some(wanted.to_owned())), "{run}");
        }
        assert_eq!(kept("RUN cd x && a", &[]), Ok(None));
    }

    #[test]
    fn what_depends_on_state_is_kept_whole() {
        for run in [
            "RUN a; b",
            "RUN a || b",
            "RUN a & b",
            "RUN A=1 && b $A",
            "RUN . ./env && b",
            "RUN f() { a; } && f",
            "RUN cd $X && a",
            "RUN umask 022 && a",
            "RUN <<EOF\na\nb\nEOF",
            "RUN [\"a\"]",
            "RUN export P=$(x) && a",
        ] {
            assert!(kept(run, &[0]).is_err(), "{run}");
        }
    }
}
