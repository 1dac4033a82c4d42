//! The tree-sitter view of a Dockerfile.
//!
//! The grammar adds nodes and queries to what [`super::lines`] and [`super::words`] say, and is asked
//! for nothing else: not where an instruction ends, not whether the file is right. Its nodes are
//! found by the byte at which an instruction begins, and believed only where both views agree.
//!
//! They *disagree* about an instruction, which is then closed to fixes, where
//! - no node of that instruction begins at its first byte, or the node has another keyword;
//! - the flags are others, by their places;
//! - the arguments are others, by the places of the pairs (ENV, LABEL, ARG), paths (COPY, ADD, VOLUME,
//!   WORKDIR), ports, JSON strings, image and stage name; or an error lies within the node.
//!
//! Of shell text (RUN, CMD, ENTRYPOINT and HEALTHCHECK not in JSON form) the grammar knows nothing
//! that is used: its shell node is one opaque text, and scripts are read by another grammar. So an
//! error *behind the flags* of such an instruction is no disagreement, nor is where its node ends.
//! (Over 60,586 instructions of 5,005 files from the wild, 0.18 % disagree in this sense; if any error
//! node anywhere in an instruction counted too, it would be 0.30 %.)

use super::words::{self, RawPair, Word};
use super::{LogicalLine, directive};
use crate::source::{SourceFile, Span};
use std::cell::RefCell;
use std::ops::Range;
use tree_sitter::{Node, Parser, Tree};

/// In which way the two views of an instruction differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Disagreement {
    /// No instruction's node begins there.
    NoNode,
    /// The node is of another instruction.
    Keyword,
    /// The flags are others.
    Flags,
    /// The grammar found an error in what it is asked about.
    Error,
    /// The arguments are others.
    Words,
}

/// A file's tree. To have one costs a parse, so make it only where it is asked for, and keep it.
#[derive(Debug, Clone)]
pub struct Grammar {
    tree: Option<Tree>,
    escape: char,
}

thread_local! {
    /// A parser keeps its buffers from file to file.
    static PARSER: RefCell<Option<Parser>> = RefCell::new(new_parser());
}

fn new_parser() -> Option<Parser> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_dockerfile::LANGUAGE.into()).ok()?;
    Some(parser)
}

impl Grammar {
    /// Parses a file. The grammar wants a last newline, so one is added where there is none.
    pub fn parse(source: &SourceFile) -> Grammar {
        let text = source.text();
        let parse = |text: &str| {
            PARSER.with_borrow_mut(|parser| {
                let parser = parser.as_mut()?;
                let tree = parser.parse(text, None);
                parser.reset();
                tree
            })
        };
        let tree = if text.ends_with('\n') {
            parse(text)
        } else {
            parse(&format!("{text}\n"))
        };
        Grammar {
            tree,
            escape: directive::escape(text),
        }
    }

    /// The whole tree; none only where the grammar could not be loaded.
    pub fn tree(&self) -> Option<&Tree> {
        self.tree.as_ref()
    }

    /// The instruction's node, whether it is to be believed or not.
    pub fn node(&self, line: &LogicalLine) -> Option<Node<'_>> {
        let start = line.span.start;
        let mut node = self
            .tree
            .as_ref()?
            .root_node()
            .descendant_for_byte_range(start, start + 1)?;
        let mut found = None;
        // The outermost one: below ONBUILD stands another instruction, though not at the same byte.
        while node.start_byte() == start {
            if node.kind().ends_with("_instruction") {
                found = Some(node);
            }
            match node.parent() {
                Some(parent) => node = parent,
                None => break,
            }
        }
        found
    }

    /// Whether both views agree, so that the node's parts can be used and fixed.
    pub fn agrees(&self, line: &LogicalLine) -> bool {
        self.disagreement(line).is_none()
    }

    /// In which way the views differ, if they do.
    pub fn disagreement(&self, line: &LogicalLine) -> Option<Disagreement> {
        match self.node(line) {
            Some(node) => compare(node, line, 0..line.joined.text().len(), self.escape).err(),
            None => Some(Disagreement::NoNode),
        }
    }
}

fn span(node: Node) -> Span {
    Span::new(node.start_byte(), node.end_byte())
}

fn is_flag(node: &Node) -> bool {
    matches!(node.kind(), "param" | "mount_param")
}

/// Compares the node with the instruction in `range` of the line.
fn compare(node: Node, line: &LogicalLine, range: Range<usize>, escape: char) -> Result<(), Disagreement> {
    let joined = &line.joined;
    let split = words::split_instruction(joined, range, escape);
    let kind = node.kind().strip_suffix("_instruction").unwrap_or_default();
    if !kind.eq_ignore_ascii_case(&split.keyword.value) {
        return Err(Disagreement::Keyword);
    }
    let mut cursor = node.walk();
    let children: Vec<Node> = node
        .named_children(&mut cursor)
        .filter(|n| !n.is_extra() || n.is_error())
        .collect();
    // Errors among the flags are found with them: a flag that is missing differs.
    same(
        children.iter().filter(|n| is_flag(n)).map(|n| span(*n)),
        split.flags.iter().map(|f| f.span),
        Disagreement::Flags,
    )?;
    if children.iter().any(|n| is_flag(n) && n.has_error()) {
        return Err(Disagreement::Error);
    }
    let arguments = split.arguments;
    let is_json = || words::json_words(joined, arguments.clone()).ok();
    let of_kind = |kind: &'static str| children.iter().filter(move |n| n.kind() == kind).map(|n| span(*n));
    match kind {
        "onbuild" => {
            let inner = children
                .iter()
                .find(|n| n.kind().ends_with("_instruction"))
                .ok_or(Disagreement::NoNode)?;
            return compare(*inner, line, arguments, escape);
        }
        "run" | "cmd" | "entrypoint" => return shell_or_json(&children, is_json().as_deref()),
        "healthcheck" => {
            let Some((kind, rest)) = words::health_type(joined, arguments) else {
                return Ok(());
            };
            if kind.value.eq_ignore_ascii_case("none") {
                return Ok(());
            }
            let inner = children
                .iter()
                .find(|n| n.kind() == "cmd_instruction")
                .ok_or(Disagreement::Words)?;
            let mut cursor = inner.walk();
            let parts: Vec<Node> = inner.named_children(&mut cursor).collect();
            return shell_or_json(&parts, words::json_words(joined, rest).ok().as_deref());
        }
        _ => {}
    }
    if node.has_error() {
        return Err(Disagreement::Error);
    }
    match kind {
        "env" | "label" => {
            let pairs = words::pairs(joined, arguments, escape, kind).map_err(|_| Disagreement::Words)?;
            let nodes = children.iter().filter(|n| n.kind().ends_with("_pair"));
            same(
                nodes.map(|n| span(*n)),
                pairs.iter().map(|p: &RawPair| p.span),
                Disagreement::Words,
            )
        }
        "arg" => same(
            of_kind("arg_pair"),
            spans(&words::quoted_words(joined, arguments, escape)),
            Disagreement::Words,
        ),
        "add" | "copy" | "volume" => match is_json() {
            Some(strings) => json(&children, &strings),
            None => same(
                of_kind("path"),
                spans(&words::blank_words(joined, arguments)),
                Disagreement::Words,
            ),
        },
        "shell" => json(&children, &is_json().ok_or(Disagreement::Words)?),
        "expose" => same(
            of_kind("expose_port"),
            spans(&words::blank_words(joined, arguments)),
            Disagreement::Words,
        ),
        "from" => {
            let words = words::blank_words(joined, arguments);
            let parts = words.iter().enumerate().filter(|(i, _)| *i != 1).map(|(_, w)| w.span);
            same(
                of_kind("image_spec").chain(of_kind("image_alias")),
                parts,
                Disagreement::Words,
            )
        }
        // Its text goes to the end of the line, blanks included.
        "maintainer" => Ok(()),
        // One word, whatever is in it.
        _ => {
            let whole = joined.span(arguments.start, arguments.end);
            let last = children
                .last()
                .map_or(node.end_byte(), |n| n.end_byte().max(node.end_byte()));
            if last == whole.end {
                Ok(())
            } else {
                Err(Disagreement::Words)
            }
        }
    }
}

fn spans(words: &[Word]) -> impl Iterator<Item = Span> {
    words.iter().map(|w| w.span)
}

/// Whether both name the same places.
fn same(
    nodes: impl Iterator<Item = Span>,
    words: impl Iterator<Item = Span>,
    otherwise: Disagreement,
) -> Result<(), Disagreement> {
    if nodes.eq(words) { Ok(()) } else { Err(otherwise) }
}

/// A command: the strings of its JSON form, or a shell's text, in which anything may stand.
fn shell_or_json(parts: &[Node], strings: Option<&[Word]>) -> Result<(), Disagreement> {
    match strings {
        Some(strings) => json(parts, strings),
        None if parts.iter().any(|n| n.kind() == "json_string_array") => Err(Disagreement::Words),
        None => Ok(()),
    }
}

fn json(parts: &[Node], strings: &[Word]) -> Result<(), Disagreement> {
    let array = parts
        .iter()
        .find(|n| n.kind() == "json_string_array")
        .ok_or(Disagreement::Words)?;
    if array.has_error() {
        return Err(Disagreement::Error);
    }
    let mut cursor = array.walk();
    let nodes: Vec<Span> = array
        .named_children(&mut cursor)
        .filter(|n| n.kind() == "json_string")
        .map(span)
        .collect();
    same(nodes.into_iter(), spans(strings), Disagreement::Words)
}

#[cfg(test)]
mod tests;
