//! From tree-sitter-bash's tree to a flat [`Script`].
//!
//! One pass with a cursor and a stack of frames of its own: no recursion over the tree's depth, no
//! `child(i)`. A frame is pushed for the nodes that mean something here; all others are transparent.

use super::grammar::{self, Kind};
use super::word::{self, Variable};
use super::{Assignment, Command, Dialect, Link, Operator, Place, Redirect, Script, ShellWord, mask, nested};
use crate::source::Span;
use std::ops::Range;
use tree_sitter::Node;

/// Scripts in scripts (`sh -c 'sh -c "..."'`) are followed this far.
const MAX_NESTING: u32 = 3;

/// Parses masked bytes that begin at `base` in the file. `glued`: BuildKit joins the lines, so
/// that a comment runs to the end of the body.
pub(super) fn script(mut bytes: Vec<u8>, base: usize, glued: bool, dialect: Dialect) -> Script {
    let mut comment = None;
    let mut walk = run(&bytes, base, glued, Place::default(), 0, true);
    if glued && let Some(at) = walk.comment {
        // The grammar ended the comment at the physical line's end; the shell sees no line end.
        let end = bytes.trim_ascii_end().len().max(at);
        comment = Some(Span::new(base + at, base + end));
        if let Some(tail) = bytes.get_mut(at..) {
            tail.fill(mask::FILLER);
        }
        walk = run(&bytes, base, glued, Place::default(), 0, true);
    }
    Script {
        dialect,
        span: Span::new(base, base + bytes.len()),
        commands: walk.commands,
        chain: walk.chain,
        group_redirects: walk.group_redirects,
        trailing_comment: comment,
        has_error: walk.has_error,
        errors: walk.errors,
    }
}

/// Parses a script inside another one; its commands get places that begin at `outer`.
pub(super) fn inner(bytes: &[u8], base: usize, glued: bool, outer: Place, nesting: u32) -> Option<Vec<Command>> {
    if nesting >= MAX_NESTING {
        return None;
    }
    let place = Place { nested: true, depth: outer.depth + 1, pipeline: None, operator: None, negated: false, ..outer };
    let walk = run(bytes, base, glued, place, nesting + 1, false);
    (!walk.has_error).then_some(walk.commands)
}

fn run(bytes: &[u8], base: usize, glued: bool, place: Place, nesting: u32, chain: bool) -> Walk<'_> {
    let mut walk = Walk {
        bytes,
        base,
        glued,
        nesting,
        frames: Vec::with_capacity(16),
        expansions: Vec::new(),
        commands: Vec::new(),
        chain: Vec::new(),
        group_redirects: Vec::new(),
        background: Vec::new(),
        piped: None,
        errors: Vec::new(),
        comment: None,
        has_error: false,
    };
    match grammar::parse(bytes) {
        Some(tree) => {
            walk.has_error = tree.root_node().has_error();
            walk.tree(&tree, place, chain);
        }
        None => walk.has_error = true,
    }
    walk
}

/// What the statement that was left last is, for the redirects behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Last {
    Nothing,
    Command(usize),
    Group(Range<usize>),
}

#[derive(Debug)]
enum Role {
    /// Statements and what joins them.
    Statements,
    /// A group, compound or substitution: like statements, but one thing to what is around it.
    Group,
    Command { index: usize, named: bool, test: bool },
    Assignment(Assignment),
    Redirect { redirect: Redirect, extra: Vec<ShellWord>, owner: Last },
    Word { range: Range<usize>, variables: Vec<Variable> },
    /// Double quotes in a word.
    Text,
    /// `$X`, `${X}`, `$((X))` in a word.
    Expansion(Range<usize>),
}

struct Frame {
    role: Role,
    depth: u32,
    /// For the commands inside.
    place: Place,
    /// Its statements are links of the top level.
    chain: bool,
    /// The link that this frame opened.
    link: Option<usize>,
    /// The operator in front of the next statement.
    pending: Option<(Operator, Span)>,
    last: Last,
    /// Its statements are a pipeline's, and this many came.
    stage: Option<(u32, u32)>,
    /// Commands there were when it began.
    first: usize,
    /// The frame of the word that it belongs to.
    word: Option<usize>,
    quoted: bool,
    /// Length of `expansions` when it began.
    expansions: usize,
}

struct Walk<'a> {
    bytes: &'a [u8],
    base: usize,
    glued: bool,
    nesting: u32,
    frames: Vec<Frame>,
    /// The expansions of all open words, innermost last.
    expansions: Vec<Range<usize>>,
    commands: Vec<Command>,
    chain: Vec<Link>,
    group_redirects: Vec<(Range<usize>, Redirect)>,
    /// Commands run with `&`.
    background: Vec<Range<usize>>,
    /// The command whose pipe hangs below its heredoc: `cat <<X | sh`.
    piped: Option<usize>,
    errors: Vec<Span>,
    comment: Option<usize>,
    has_error: bool,
}

impl Walk<'_> {
    fn tree(&mut self, tree: &tree_sitter::Tree, place: Place, chain: bool) {
        let kinds = grammar::kinds();
        let mut cursor = tree.walk();
        let mut depth = 0u32;
        self.frames.push(Frame {
            role: Role::Statements,
            depth,
            place,
            chain,
            link: None,
            pending: None,
            last: Last::Nothing,
            stage: None,
            first: 0,
            word: None,
            quoted: false,
            expansions: 0,
        });
        'walk: loop {
            let node = cursor.node();
            let kind = kinds.get(usize::from(node.kind_id())).copied().unwrap_or(Kind::Error);
            let descend = depth == 0 && kind == Kind::Program || self.enter(node, kind, depth);
            if descend && cursor.goto_first_child() {
                depth += 1;
                continue;
            }
            loop {
                if self.frames.len() > 1 && self.frames.last().is_some_and(|f| f.depth == depth) {
                    self.leave();
                }
                if depth == 0 {
                    break 'walk;
                }
                if cursor.goto_next_sibling() {
                    break;
                }
                if !cursor.goto_parent() {
                    break 'walk;
                }
                depth -= 1;
            }
        }
        self.mark_background();
    }

    fn span(&self, node: Node) -> Span {
        Span::new(self.base + node.start_byte(), self.base + node.end_byte())
    }

    /// Looks at a node; whether its children are to be looked at, too.
    fn enter(&mut self, node: Node, kind: Kind, depth: u32) -> bool {
        if node.is_missing() || kind == Kind::Error {
            self.errors.push(self.span(node));
        }
        let Some(top) = self.frames.last() else { return false };
        if kind == Kind::Comment {
            if self.comment.is_none() {
                self.comment = Some(node.start_byte());
            }
            return false;
        }
        if top.word.is_some() {
            return self.enter_in_word(node, kind, depth);
        }
        match top.role {
            Role::Command { index, named, test } => self.enter_in_command(node, kind, depth, index, named, test),
            Role::Assignment(_) => match kind {
                Kind::VariableName => true,
                Kind::Array => true,
                _ if is_literal(kind) => self.open_word(node, depth),
                _ => true,
            },
            Role::Redirect { .. } => self.enter_in_redirect(node, kind, depth),
            _ => self.enter_statement(node, kind, depth),
        }
    }

    fn enter_in_word(&mut self, node: Node, kind: Kind, depth: u32) -> bool {
        match kind {
            Kind::Text => {
                self.push(Role::Text, depth);
                if let Some(frame) = self.frames.last_mut() {
                    frame.quoted = true;
                }
                true
            }
            Kind::Expansion => {
                self.note_expansion(node);
                self.push(Role::Expansion(node.byte_range()), depth);
                true
            }
            Kind::Substitution => {
                self.note_expansion(node);
                self.open_group(node, kind, depth);
                true
            }
            Kind::VariableName => {
                self.note_variable(node);
                false
            }
            _ => true,
        }
    }

    /// Notes a part that the shell replaces, unless it lies in one that is noted.
    fn note_expansion(&mut self, node: Node) {
        let Some(frame) = self.frames.last() else { return };
        let inside = self.expansions.len() > frame.expansions
            && self.expansions.last().is_some_and(|last| node.start_byte() < last.end);
        if !inside {
            self.expansions.push(node.byte_range());
        }
    }

    fn note_variable(&mut self, node: Node) {
        let Some(top) = self.frames.last() else { return };
        let Role::Expansion(whole) = &top.role else { return };
        let variable = Variable {
            name: self.text(node.byte_range()),
            span: Span::new(self.base + whole.start, self.base + whole.end),
            quoted: top.quoted,
        };
        let Some(owner) = top.word else { return };
        if let Some(Frame { role: Role::Word { variables, .. }, .. }) = self.frames.get_mut(owner) {
            variables.push(variable);
        }
    }

    fn enter_in_command(&mut self, node: Node, kind: Kind, depth: u32, index: usize, named: bool, test: bool) -> bool {
        match kind {
            Kind::Assignment => self.open_assignment(node, depth),
            Kind::FileRedirect | Kind::HereString | Kind::HeredocRedirect => self.open_redirect(node, depth),
            Kind::Subshell => {
                self.open_group(node, kind, depth);
                true
            }
            Kind::Token if test && named && node.end_byte() - node.start_byte() <= 2 && self.closes_test(node) => false,
            _ if test && kind == Kind::Redirected => true,
            _ if kind == Kind::CommandName || is_literal(kind) => self.open_word(node, depth),
            _ if node.child_count() == 0 && !node.is_missing() && node.end_byte() > node.start_byte() => {
                let range = node.byte_range();
                let word = word::read(self.bytes, self.base, range, &[], self.glued);
                self.add_word(index, word);
                false
            }
            _ => true,
        }
    }

    fn closes_test(&self, node: Node) -> bool {
        matches!(self.bytes.get(node.byte_range()), Some(b"]" | b"]]"))
    }

    fn enter_in_redirect(&mut self, node: Node, kind: Kind, depth: u32) -> bool {
        match kind {
            Kind::FileDescriptor => {
                let fd = self.text(node.byte_range()).parse().ok();
                self.with_redirect(|redirect| redirect.fd = fd);
                false
            }
            Kind::RedirectOperator => {
                let operator = self.text(node.byte_range());
                self.with_redirect(|redirect| {
                    if redirect.operator.is_empty() {
                        redirect.operator = operator;
                    }
                });
                false
            }
            Kind::HeredocStart => {
                let span = self.span(node);
                let word = word::read(self.bytes, self.base, node.byte_range(), &[], self.glued);
                self.with_redirect(|redirect| {
                    redirect.target = Some(word);
                    redirect.span = Span::new(redirect.span.start, span.end);
                });
                false
            }
            // Data; only its substitutions are commands.
            Kind::HeredocBody => {
                self.push(Role::Group, depth);
                true
            }
            // In a heredoc's first line the grammar hangs the rest of the command below the redirect.
            Kind::FileRedirect | Kind::HereString => self.open_redirect(node, depth),
            _ if is_literal(kind) => self.open_word(node, depth),
            _ => self.enter_statement(node, kind, depth),
        }
    }

    fn with_redirect(&mut self, change: impl FnOnce(&mut Redirect)) {
        if let Some(Frame { role: Role::Redirect { redirect, .. }, .. }) = self.frames.last_mut() {
            change(redirect);
        }
    }

    fn enter_statement(&mut self, node: Node, kind: Kind, depth: u32) -> bool {
        match kind {
            Kind::Command | Kind::Declaration | Kind::Unset | Kind::Test => {
                self.open_command(node, kind, depth);
                true
            }
            Kind::Assignment => {
                // On its own; the nameless command's frame is this node's, the assignment's comes on top.
                self.open_command(node, kind, depth);
                self.open_assignment(node, depth)
            }
            Kind::Assignments => {
                self.open_command(node, kind, depth);
                true
            }
            Kind::List | Kind::Redirected | Kind::Pipeline | Kind::Negated => {
                self.open_statements(node, kind, depth);
                true
            }
            Kind::Subshell | Kind::Compound | Kind::Loop | Kind::Conditional | Kind::Function | Kind::Substitution => {
                self.open_group(node, kind, depth);
                true
            }
            Kind::FileRedirect | Kind::HereString | Kind::HeredocRedirect => self.open_redirect(node, depth),
            Kind::AndIf | Kind::OrIf | Kind::Semicolon | Kind::Newline | Kind::Ampersand | Kind::Pipe | Kind::PipeAll => {
                self.operator(node, kind);
                false
            }
            _ => true,
        }
    }

    fn operator(&mut self, node: Node, kind: Kind) {
        let operator = match kind {
            Kind::AndIf => Operator::AndIf,
            Kind::OrIf => Operator::OrIf,
            Kind::Semicolon => Operator::Semicolon,
            Kind::Ampersand => Operator::Background,
            Kind::Pipe => Operator::Pipe,
            Kind::PipeAll => Operator::PipeAll,
            _ => Operator::Newline,
        };
        let span = self.span(node);
        let count = self.commands.len();
        if let [.., below, top] = self.frames.as_slice()
            && top.stage.is_none()
            && matches!(operator, Operator::Pipe | Operator::PipeAll)
            && let Role::Redirect { owner: Last::Command(index), .. } = below.role
        {
            self.piped = Some(index);
        }
        let Some(top) = self.frames.last_mut() else { return };
        if operator == Operator::Background {
            match &top.last {
                Last::Nothing => {}
                Last::Command(index) => self.background.push(*index..count),
                Last::Group(range) => self.background.push(range.clone()),
            }
        }
        // A line end behind `;` or `&` joins nothing more.
        if operator != Operator::Newline || top.pending.is_none() {
            top.pending = Some((operator, span));
        }
        if matches!(operator, Operator::Pipe | Operator::PipeAll)
            && top.stage.is_some()
            && let Some(link) = top.place.link.and_then(|l| self.chain.get_mut(l))
            && top.link.is_some()
        {
            link.pipes.push(span);
        }
    }

    /// Pushes a frame that inherits from the one below.
    fn push(&mut self, role: Role, depth: u32) {
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
    fn push_statement(&mut self, role: Role, node: Node, kind: Kind, depth: u32) {
        let span = self.span(node);
        let Some(top) = self.frames.last_mut() else { return };
        let below_heredoc = kind == Kind::Pipeline && matches!(top.role, Role::Redirect { .. });
        let transparent = below_heredoc || matches!(kind, Kind::List | Kind::Redirected);
        let mut pending = top.pending.take();
        if pending.is_none() && top.last != Last::Nothing {
            // The grammar has no token for a line end that separates.
            let before = self.bytes.get(..node.start_byte()).unwrap_or_default();
            let blanks = before.iter().rev().take_while(|b| b.is_ascii_whitespace() || **b == mask::FILLER);
            let at = blanks.into_iter().position(|&b| b == b'\n').map(|back| self.base + before.len() - back - 1);
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
    fn continue_pipeline(&mut self, node: Node, kind: Kind, pipe: Span, chain: bool) {
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

    fn open_statements(&mut self, node: Node, kind: Kind, depth: u32) {
        self.push_statement(Role::Statements, node, kind, depth);
        let Some(frame) = self.frames.last_mut() else { return };
        match kind {
            Kind::Pipeline if frame.stage.is_none() && !starts_with_pipe(node) => frame.stage = Some((0, stages(node))),
            Kind::Negated => frame.place.negated = true,
            _ => {}
        }
    }

    fn open_group(&mut self, node: Node, kind: Kind, depth: u32) {
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

    fn open_command(&mut self, node: Node, kind: Kind, depth: u32) {
        let test = kind == Kind::Test;
        let index = self.commands.len();
        self.push_statement(Role::Command { index, named: false, test }, node, kind, depth);
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

    fn open_assignment(&mut self, node: Node, depth: u32) -> bool {
        let raw = self.bytes.get(node.byte_range()).unwrap_or_default();
        let end = raw.iter().position(|&b| b == b'=').unwrap_or(raw.len());
        let end = if end > 0 && raw.get(end - 1) == Some(&b'+') { end - 1 } else { end };
        let name = self.text(node.start_byte()..node.start_byte() + end);
        let assignment = Assignment { name, value: None, span: self.span(node) };
        self.push(Role::Assignment(assignment), depth);
        true
    }

    fn open_redirect(&mut self, node: Node, depth: u32) -> bool {
        let redirect = Redirect { fd: None, operator: String::new(), target: None, heredoc: None, span: self.span(node) };
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
        self.push(Role::Redirect { redirect, extra: Vec::new(), owner: last }, depth);
        if let Some(frame) = self.frames.last_mut() {
            frame.chain = chain;
        }
        true
    }

    fn open_word(&mut self, node: Node, depth: u32) -> bool {
        if node.child_count() == 0 {
            let word = word::read(self.bytes, self.base, node.byte_range(), &[], self.glued);
            self.deliver(word);
            return false;
        }
        self.push(Role::Word { range: node.byte_range(), variables: Vec::new() }, depth);
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

    fn text(&self, range: Range<usize>) -> String {
        let raw = self.bytes.get(range).unwrap_or_default();
        String::from_utf8_lossy(raw).into_owned()
    }

    /// Gives a finished word to the frame on top.
    fn deliver(&mut self, word: ShellWord) {
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

    fn add_word(&mut self, index: usize, word: ShellWord) {
        let Some(top) = self.frames.last_mut() else { return };
        let Some(command) = self.commands.get_mut(index) else { return };
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

    fn leave(&mut self) {
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
                if let Some(Frame { role: Role::Command { index, .. }, .. }) = self.frames.last()
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

    fn end_statement(&mut self, last: Last, link: Option<usize>) {
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

    fn end_redirect(&mut self, redirect: Redirect, extra: Vec<ShellWord>, last: Last) {
        let end = extra.last().map_or(redirect.span.end, |word| word.span.end.max(redirect.span.end));
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
        if let Some(link) = link.filter(|l| Some(*l) == last_link).and_then(|l| self.chain.get_mut(l)) {
            link.span = Span::new(link.span.start, link.span.end.max(end));
            link.commands.end = count;
        }
    }

    /// Reads the script that a command hands to another shell.
    fn read_nested(&mut self, index: usize) {
        let Some(command) = self.commands.get(index) else { return };
        let Some(span) = nested::script_argument(command, self.bytes, self.base) else { return };
        let Some(bytes) = self.bytes.get(span.start - self.base..span.end - self.base) else { return };
        if let Some(commands) = inner(bytes, span.start, self.glued, command.place, self.nesting) {
            self.commands.extend(commands);
        }
    }

    fn mark_background(&mut self) {
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

/// How many commands a pipeline joins.
fn stages(node: Node) -> u32 {
    u32::try_from(node.child_count()).unwrap_or(u32::MAX).div_ceil(2)
}

/// What follows a heredoc's first line is a pipeline without its first command.
fn starts_with_pipe(node: Node) -> bool {
    node.child(0).is_some_and(|first| matches!(first.kind(), "|" | "|&"))
}

/// Nodes that make a word of their own.
fn is_literal(kind: Kind) -> bool {
    matches!(kind, Kind::Literal | Kind::Text | Kind::Expansion | Kind::Substitution | Kind::VariableName)
}
