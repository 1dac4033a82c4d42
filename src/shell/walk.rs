//! From tree-sitter-bash's tree to a flat [`Script`].
//!
//! One pass with a cursor and a stack of frames of its own: no recursion over the tree's depth, no
//! `child(i)`. A frame is pushed for the nodes that mean something here; all others are transparent.

mod close;
mod open;

use super::grammar::{self, Kind};
use super::word::{self, Variable};
use super::{Assignment, Command, Dialect, Link, Operator, Place, Redirect, Script, ShellWord, mask, nested, plain};
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
    let place = Place {
        nested: true,
        depth: outer.depth + 1,
        pipeline: None,
        operator: None,
        negated: false,
        ..outer
    };
    let walk = run(bytes, base, glued, place, nesting + 1, false);
    (!walk.has_error).then_some(walk.commands)
}

fn run(bytes: &[u8], base: usize, glued: bool, place: Place, nesting: u32, chain: bool) -> Walk<'_> {
    let mut walk = Walk::new(bytes, base, glued, nesting);
    if !walk.plain(place, chain) {
        walk.parse(place, chain);
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
    Command {
        index: usize,
        named: bool,
        test: bool,
    },
    Assignment(Assignment),
    Redirect {
        redirect: Redirect,
        extra: Vec<ShellWord>,
        owner: Last,
    },
    Word {
        range: Range<usize>,
        variables: Vec<Variable>,
    },
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
    /// Between the beginning of a `case`'s item and its `)`, where `|` separates patterns.
    pattern: bool,
    errors: Vec<Span>,
    comment: Option<usize>,
    has_error: bool,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], base: usize, glued: bool, nesting: u32) -> Self {
        Walk {
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
            pattern: false,
            errors: Vec::new(),
            comment: None,
            has_error: false,
        }
    }

    /// Reads a script that is one command of plain words; whether it was one.
    fn plain(&mut self, place: Place, chain: bool) -> bool {
        let link = if chain { Some(0) } else { place.link };
        let Some(command) = plain::command(self.bytes, self.base, Place { link, ..place }) else {
            return false;
        };
        if chain {
            self.chain.push(Link {
                span: command.span,
                operator: None,
                commands: 0..1,
                pipes: Vec::new(),
                is_simple: true,
            });
        }
        self.commands.push(command);
        true
    }

    /// Reads any script.
    fn parse(&mut self, place: Place, chain: bool) {
        match grammar::parse(self.bytes) {
            Some(tree) => {
                self.has_error = tree.root_node().has_error();
                self.tree(&tree, place, chain);
            }
            None => self.has_error = true,
        }
    }

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
        if let Some(Frame {
            role: Role::Word { variables, .. },
            ..
        }) = self.frames.get_mut(owner)
        {
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
        if let Some(Frame {
            role: Role::Redirect { redirect, .. },
            ..
        }) = self.frames.last_mut()
        {
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
            Kind::CaseItem => {
                self.pattern = true;
                true
            }
            Kind::Token if self.pattern && self.bytes.get(node.byte_range()) == Some(b")") => {
                self.pattern = false;
                false
            }
            Kind::Pipe if self.pattern => false,
            Kind::AndIf
            | Kind::OrIf
            | Kind::Semicolon
            | Kind::Newline
            | Kind::Ampersand
            | Kind::Pipe
            | Kind::PipeAll => {
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
            && let Role::Redirect {
                owner: Last::Command(index),
                ..
            } = below.role
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
}

/// How many commands a pipeline joins.
fn stages(node: Node) -> u32 {
    node.child_count().div_ceil(2)
}

/// What follows a heredoc's first line is a pipeline without its first command.
fn starts_with_pipe(node: Node) -> bool {
    node.child(0).is_some_and(|first| matches!(first.kind(), "|" | "|&"))
}

/// Nodes that make a word of their own.
fn is_literal(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Literal | Kind::Text | Kind::Expansion | Kind::Substitution | Kind::VariableName
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(script: &str, chain: bool) -> bool {
        let place = Place::default();
        let mut plain = Walk::new(script.as_bytes(), 7, false, 0);
        if !plain.plain(place, chain) {
            return false;
        }
        let mut parsed = Walk::new(script.as_bytes(), 7, false, 0);
        parsed.parse(place, chain);
        assert_eq!(plain.commands, parsed.commands, "{script:?}");
        assert_eq!(plain.chain, parsed.chain, "{script:?}");
        assert_eq!(
            (plain.has_error, plain.errors, plain.comment, plain.group_redirects),
            (parsed.has_error, parsed.errors, parsed.comment, parsed.group_redirects),
            "{script:?}"
        );
        true
    }

    #[test]
    fn plain_words_are_read_as_the_grammar_reads_them() {
        for script in [
            "npm ci",
            "  gcc -c src/a.c  -o src/a.o ",
            "make\n",
            "test -f x",
            "sh -c ls",
            "a 1 2.5 -",
            "1 2",
            "time-of x",
            "a if then fi",
        ] {
            assert!(both(script, true) && both(script, false), "{script:?}");
        }
        for script in [
            "", " ", "\n", "if x", "export A", "A=b", "a\nb", "a; b", "echo *", "a\tb", "é", "a # b", "! a",
        ] {
            assert!(!both(script, true), "{script:?}");
        }
    }

    proptest! {
        #[test]
        fn any_plain_words_are_read_as_the_grammar_reads_them(
            words in prop::collection::vec(
                prop_oneof!["[a-zA-Z0-9_./+:,@%=-]{1,8}", "(if|do|in|then|test|eval|exec|let|set|sudo|env|1|0x1f|-|--|/|\\.|:|@|%|%1|a@b|[+]x)"],
                1..6,
            ),
            gap in 1usize..3,
        ) {
            both(&words.join(&" ".repeat(gap)), true);
        }
    }
}
