//! Frames that begin: statements, groups, commands, redirects, words.

use super::super::word;
use super::{
    Assignment, Command, Frame, Kind, Last, Link, Operator, Redirect, Role, ShellWord, Span, Walk, grammar, mask,
    stages, starts_with_pipe,
};
use tree_sitter::Node;

impl Walk<'_> {
    /// Pushes a frame that inherits from the one below.
    pub(super) fn push(&mut self, role: Role, depth: u32) {
        let Some(top) = self.frames.last() else { return };
        let frame = Frame {
            role,
            depth,
            place: top.place,
            chain: false,
            link: None,
            pending: None,
            last: Last::Nothing,
            stage: None,
            first: self.commands.len(),
            word: top.word,
            quoted: top.quoted,
            expansions: top.expansions,
        };
        self.frames.push(frame);
    }

    /// Pushes the frame of a statement: it takes the operator in front of it and, on the top level,
    /// becomes a link.
    pub(super) fn push_statement(&mut self, role: Role, node: Node, kind: Kind, depth: u32) {
        let span = self.span(node);
        let Some(top) = self.frames.last_mut() else { return };
        let below_heredoc = kind == Kind::Pipeline && matches!(top.role, Role::Redirect { .. });
        let transparent = below_heredoc || matches!(kind, Kind::List | Kind::Redirected);
        let mut pending = top.pending.take();
        if pending.is_none() && top.last != Last::Nothing {
            // The grammar has no token for a line end that separates.
            let before = self.bytes.get(..node.start_byte()).unwrap_or_default();
            let blanks = before
                .iter()
                .rev()
                .take_while(|b| b.is_ascii_whitespace() || **b == mask::FILLER);
            let at = blanks
                .into_iter()
                .position(|&b| b == b'\n')
                .map(|back| self.base + before.len() - back - 1);
            pending = at.map(|at| (Operator::Newline, Span::new(at, at + 1)));
        }
        let chain = top.chain;
        let continues = match pending {
            Some((Operator::Pipe | Operator::PipeAll, pipe)) if top.stage.is_none() => Some(pipe),
            _ => None,
        };
        if let Some((seen, count)) = top.stage {
            top.place.pipeline = Some((seen, count));
            top.stage = Some((seen + 1, count));
        }
        self.push(role, depth);
        let Some(frame) = self.frames.last_mut() else { return };
        frame.word = None;
        frame.quoted = false;
        frame.expansions = self.expansions.len();
        frame.pending = pending;
        if transparent {
            frame.chain = chain;
        } else if let Some(pipe) = continues {
            self.continue_pipeline(node, kind, pipe, chain);
        } else if chain {
            let index = self.chain.len();
            frame.place.link = Some(index);
            frame.link = Some(index);
            self.chain.push(Link {
                span,
                operator: if index == 0 { None } else { pending },
                commands: self.commands.len()..self.commands.len(),
                pipes: Vec::new(),
                is_simple: true,
            });
        }
    }

    /// The statement on top is the next stage of a pipeline whose first stage ends in a heredoc.
    pub(super) fn continue_pipeline(&mut self, node: Node, kind: Kind, pipe: Span, chain: bool) {
        let end = self.base + node.end_byte();
        let Some(frame) = self.frames.last_mut() else { return };
        let stages = if kind == Kind::Pipeline { stages(node) } else { 1 };
        let owner = self.piped.take().and_then(|index| self.commands.get_mut(index));
        let (position, count) = owner.as_ref().and_then(|c| c.place.pipeline).unwrap_or((0, 1));
        let count = count.saturating_add(stages);
        if let Some(owner) = owner {
            owner.place.pipeline = Some((position, count));
        }
        frame.place.pipeline = Some((position + 1, count));
        frame.stage = (kind == Kind::Pipeline).then_some((position + 1, count));
        let last = self.chain.len().wrapping_sub(1);
        if chain && let Some(link) = self.chain.get_mut(last) {
            frame.place.link = Some(last);
            frame.link = Some(last);
            link.pipes.push(pipe);
            link.span = Span::new(link.span.start, link.span.end.max(end));
        }
    }

    pub(super) fn open_statements(&mut self, node: Node, kind: Kind, depth: u32) {
        self.push_statement(Role::Statements, node, kind, depth);
        let Some(frame) = self.frames.last_mut() else { return };
        match kind {
            Kind::Pipeline if frame.stage.is_none() && !starts_with_pipe(node) => frame.stage = Some((0, stages(node))),
            Kind::Negated => frame.place.negated = true,
            _ => {}
        }
    }

    pub(super) fn open_group(&mut self, node: Node, kind: Kind, depth: u32) {
        self.push_statement(Role::Group, node, kind, depth);
        let Some(frame) = self.frames.last_mut() else { return };
        frame.pending = None;
        let place = &mut frame.place;
        place.operator = None;
        place.negated = false;
        place.depth += 1;
        match kind {
            Kind::Subshell => place.in_subshell = true,
            Kind::Loop => place.in_loop = true,
            Kind::Conditional => place.in_conditional = true,
            Kind::Function => place.in_function = true,
            Kind::Substitution => {
                place.in_substitution = true;
                place.pipeline = None;
            }
            _ => {}
        }
        if kind != Kind::Substitution
            && let Some(link) = place.link.and_then(|l| self.chain.get_mut(l))
            && !place.in_substitution
        {
            link.is_simple = false;
        }
    }

    pub(super) fn open_command(&mut self, node: Node, kind: Kind, depth: u32) {
        let test = kind == Kind::Test;
        let index = self.commands.len();
        self.push_statement(
            Role::Command {
                index,
                named: false,
                test,
            },
            node,
            kind,
            depth,
        );
        let Some(frame) = self.frames.last() else { return };
        let mut place = frame.place;
        place.operator = frame.pending.map(|(operator, _)| operator);
        self.commands.push(Command {
            span: self.span(node),
            name: ShellWord::empty(self.base + node.start_byte()),
            words: Vec::new(),
            assignments: Vec::new(),
            redirects: Vec::new(),
            place,
        });
    }

    pub(super) fn open_assignment(&mut self, node: Node, depth: u32) -> bool {
        let raw = self.bytes.get(node.byte_range()).unwrap_or_default();
        let end = raw.iter().position(|&b| b == b'=').unwrap_or(raw.len());
        let end = if end > 0 && raw.get(end - 1) == Some(&b'+') {
            end - 1
        } else {
            end
        };
        let name = self.text(node.start_byte()..node.start_byte() + end);
        let assignment = Assignment {
            name,
            value: None,
            span: self.span(node),
        };
        self.push(Role::Assignment(assignment), depth);
        true
    }

    pub(super) fn open_redirect(&mut self, node: Node, depth: u32) -> bool {
        let redirect = Redirect {
            fd: None,
            operator: String::new(),
            target: None,
            heredoc: None,
            span: self.span(node),
        };
        let top_is_bare = self
            .frames
            .last()
            .is_some_and(|top| matches!(top.role, Role::Statements) && top.last == Last::Nothing);
        if top_is_bare {
            // `> file` alone: a command without a name.
            self.open_command(node, Kind::Command, depth);
            self.leave();
        }
        let (last, chain) = self.frames.last().map_or((Last::Nothing, false), |top| match top.role {
            Role::Command { index, .. } => (Last::Command(index), false),
            _ => (top.last.clone(), top.chain),
        });
        self.push(
            Role::Redirect {
                redirect,
                extra: Vec::new(),
                owner: last,
            },
            depth,
        );
        if let Some(frame) = self.frames.last_mut() {
            frame.chain = chain;
        }
        true
    }

    pub(super) fn open_word(&mut self, node: Node, depth: u32) -> bool {
        if node.child_count() == 0 {
            let word = word::read(self.bytes, self.base, node.byte_range(), &[], self.glued);
            self.deliver(word);
            return false;
        }
        self.push(
            Role::Word {
                range: node.byte_range(),
                variables: Vec::new(),
            },
            depth,
        );
        let at = self.frames.len() - 1;
        if let Some(frame) = self.frames.last_mut() {
            frame.word = Some(at);
            frame.quoted = false;
            frame.expansions = self.expansions.len();
        }
        let kinds = grammar::kinds();
        let kind = kinds.get(usize::from(node.kind_id())).copied().unwrap_or(Kind::Error);
        match kind {
            Kind::Expansion | Kind::Substitution | Kind::Text => {
                self.enter_in_word(node, kind, depth);
                true
            }
            _ => true,
        }
    }
}
