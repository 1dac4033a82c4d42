//! Frames that end, and what is made of them.

use super::{Frame, Last, Redirect, Role, ShellWord, Span, Walk, inner, mask, nested, word};
use std::ops::Range;

impl Walk<'_> {
    pub(super) fn text(&self, range: Range<usize>) -> String {
        let raw = self.bytes.get(range).unwrap_or_default();
        String::from_utf8_lossy(raw).into_owned()
    }

    /// Gives a finished word to the frame on top.
    pub(super) fn deliver(&mut self, word: ShellWord) {
        let Some(top) = self.frames.last_mut() else { return };
        match &mut top.role {
            Role::Command { index, .. } => {
                let index = *index;
                self.add_word(index, word);
            }
            Role::Assignment(assignment) => match &mut assignment.value {
                None => assignment.value = Some(word),
                Some(value) => value.join(word),
            },
            Role::Redirect { redirect, extra, .. } => {
                if redirect.target.is_none() {
                    redirect.target = Some(word);
                } else {
                    extra.push(word);
                }
            }
            _ => {}
        }
    }

    pub(super) fn add_word(&mut self, index: usize, word: ShellWord) {
        let Some(top) = self.frames.last_mut() else { return };
        let Some(command) = self.commands.get_mut(index) else {
            return;
        };
        if let Role::Command { named, index: own, .. } = &mut top.role
            && *own == index
            && !*named
        {
            *named = true;
            command.name = word;
            return;
        }
        let before = command.words.last_mut().unwrap_or(&mut command.name);
        let gap = before.span.end.checked_sub(self.base).and_then(|from| {
            let to = word.span.start.checked_sub(self.base)?;
            self.bytes.get(from..to)
        });
        // The grammar ends a word at a line's end; the glued line has it in one piece.
        if gap.is_some_and(|gap| gap.is_empty() || mask::is_glue(gap)) && !before.span.is_empty() {
            before.join(word);
        } else {
            command.words.push(word);
        }
    }

    pub(super) fn leave(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        let count = self.commands.len();
        let below = self.frames.last().map(|f| f.depth);
        match frame.role {
            Role::Text | Role::Expansion(_) => {}
            Role::Word { range, variables } => {
                let expansions = self.expansions.get(frame.expansions..).unwrap_or_default();
                let mut word = word::read(self.bytes, self.base, range, expansions, self.glued);
                word.variables = variables;
                self.expansions.truncate(frame.expansions);
                self.deliver(word);
            }
            Role::Assignment(assignment) => {
                if let Some(Frame {
                    role: Role::Command { index, .. },
                    ..
                }) = self.frames.last()
                    && let Some(command) = self.commands.get_mut(*index)
                {
                    command.assignments.push(assignment);
                }
            }
            Role::Redirect { redirect, extra, owner } => self.end_redirect(redirect, extra, owner),
            Role::Command { index, .. } => {
                self.read_nested(index);
                self.end_statement(Last::Command(index), frame.link);
            }
            Role::Statements => self.end_statement(frame.last, frame.link),
            Role::Group => self.end_statement(Last::Group(frame.first..count), frame.link),
        }
        // A node that has two frames (a lone assignment, a word that is one expansion) leaves both.
        if below == Some(frame.depth) && self.frames.len() > 1 {
            self.leave();
        }
    }

    pub(super) fn end_statement(&mut self, last: Last, link: Option<usize>) {
        let count = self.commands.len();
        if let Some(link) = link.and_then(|l| self.chain.get_mut(l)) {
            link.commands.end = count;
        }
        if let Some(parent) = self.frames.last_mut()
            && matches!(parent.role, Role::Statements | Role::Group)
        {
            parent.last = last;
        }
    }

    pub(super) fn end_redirect(&mut self, redirect: Redirect, extra: Vec<ShellWord>, last: Last) {
        let end = extra
            .last()
            .map_or(redirect.span.end, |word| word.span.end.max(redirect.span.end));
        let mut link = None;
        match last {
            Last::Nothing => {}
            Last::Command(index) => {
                if let Some(command) = self.commands.get_mut(index) {
                    let mut redirect = redirect;
                    if let Some(first) = extra.first() {
                        // The grammar takes the arguments behind a redirect for more targets of it.
                        let kept = redirect.target.as_ref().map_or(first.span.start, |t| t.span.end);
                        redirect.span = Span::new(redirect.span.start, kept.max(redirect.span.start));
                    }
                    command.span = Span::new(command.span.start, command.span.end.max(end));
                    command.words.extend(extra);
                    command.redirects.push(redirect);
                    link = command.place.link;
                }
            }
            Last::Group(range) => {
                link = self.commands.get(range.start).and_then(|c| c.place.link);
                self.group_redirects.push((range, redirect));
            }
        }
        let count = self.commands.len();
        let last_link = self.chain.len().checked_sub(1);
        if let Some(link) = link
            .filter(|l| Some(*l) == last_link)
            .and_then(|l| self.chain.get_mut(l))
        {
            link.span = Span::new(link.span.start, link.span.end.max(end));
            link.commands.end = count;
        }
    }

    /// Reads the script that a command hands to another shell.
    pub(super) fn read_nested(&mut self, index: usize) {
        let Some(command) = self.commands.get(index) else {
            return;
        };
        let Some(span) = nested::script_argument(command, self.bytes, self.base) else {
            return;
        };
        let Some(bytes) = self.bytes.get(span.start - self.base..span.end - self.base) else {
            return;
        };
        if let Some(commands) = inner(bytes, span.start, self.glued, command.place, self.nesting) {
            self.commands.extend(commands);
        }
    }

    pub(super) fn mark_background(&mut self) {
        if self.background.is_empty() {
            return;
        }
        let mut edges = vec![0i32; self.commands.len() + 1];
        for range in &self.background {
            if let Some(edge) = edges.get_mut(range.start) {
                *edge += 1;
            }
            if let Some(edge) = edges.get_mut(range.end) {
                *edge -= 1;
            }
        }
        let mut open = 0;
        for (command, edge) in self.commands.iter_mut().zip(edges) {
            open += edge;
            command.place.background |= open > 0;
        }
    }
}
