//! The parts of a source that a parser has to see, and the walk over what it made of them.

use super::{Found, Language as Kind, statement};
use regex::Regex;
use std::cell::RefCell;
use tree_sitter::{Language, Node, Parser, Point, Range, Tree};

thread_local! {
    static PARSER: RefCell<Parser> = RefCell::new(Parser::new());
}

/// Visits every node of the statements of a text in which a pattern occurs, parents first.
pub fn look(
    text: &str,
    kind: Kind,
    wanted: Option<&Regex>,
    language: &Language,
    visit: fn(Node<'_>, &str, &mut Found),
) -> Found {
    let mut found = Found::default();
    let Some(tree) = wanted.and_then(|wanted| parse(text, kind, wanted, language)) else {
        return found;
    };
    let mut cursor = tree.walk();
    loop {
        visit(cursor.node(), text, &mut found);
        if cursor.goto_first_child() || cursor.goto_next_sibling() {
            continue;
        }
        loop {
            if !cursor.goto_parent() {
                return found;
            }
            if cursor.goto_next_sibling() {
                break;
            }
        }
    }
}

/// A node's text.
pub fn source<'t>(node: Node<'_>, text: &'t str) -> &'t str {
    text.get(node.byte_range()).unwrap_or_default()
}

/// A node's line, from 1.
pub fn line(node: Node<'_>) -> usize {
    node.start_position().row + 1
}

/// Whether a node's line is indented: it stands under a condition, or in a function.
pub fn conditional(node: Node<'_>, text: &str) -> bool {
    let before = text.get(..node.start_byte()).unwrap_or_default();
    let from = before.rfind('\n').map_or(0, |at| at + 1);
    before.get(from..).is_some_and(|lead| lead.starts_with([' ', '\t']))
}

#[cfg(test)]
thread_local! {
    /// Has everything parsed, so that tests can compare.
    pub static WHOLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    /// The bytes that were parsed.
    pub static PARSED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Parses the statements of a text in which a pattern occurs; none where it does not. Positions are
/// those of the whole text.
fn parse(text: &str, kind: Kind, wanted: &Regex, language: &Language) -> Option<Tree> {
    let hits: Vec<usize> = wanted.find_iter(text).map(|hit| hit.start()).collect();
    let whole = |parser: &mut Parser| {
        #[cfg(test)]
        PARSED.set(PARSED.get() + text.len());
        parser.parse(text, None)
    };
    PARSER.with_borrow_mut(|parser| {
        parser.set_language(language).ok()?;
        #[cfg(test)]
        if WHOLE.get() {
            return whole(parser);
        }
        if hits.is_empty() {
            return None;
        }
        let Some(starts) = statement::starts(text, kind) else {
            return whole(parser);
        };
        let parts = parts(text, &starts, &hits, kind);
        if parts.iter().map(|part| part.end_byte - part.start_byte).sum::<usize>() == text.len() {
            return whole(parser);
        }
        #[cfg(test)]
        PARSED.set(PARSED.get() + parts.iter().map(|part| part.end_byte - part.start_byte).sum::<usize>());
        parser.set_included_ranges(&parts).ok()?;
        let tree = parser.parse(text, None);
        let _ = parser.set_included_ranges(&[]);
        match tree {
            // Cut in the wrong place, maybe.
            Some(tree) if tree.root_node().has_error() => whole(parser),
            tree => tree,
        }
    })
}

/// The statements that are hit, in order, none touching the next.
fn parts(text: &str, starts: &[usize], hits: &[usize], kind: Kind) -> Vec<Range> {
    let mut out: Vec<Range> = Vec::new();
    let mut hits = hits.iter().copied().peekable();
    // The line that was counted up to, and where it begins.
    let (mut row, mut line) = (0, 0);
    let mut point = |byte: usize| {
        let lines = text.as_bytes().get(line..byte).unwrap_or_default();
        for (at, _) in lines.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            row += 1;
            line = byte - lines.len() + at + 1;
        }
        Point::new(row, byte - line)
    };
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    for (start_byte, end_byte) in starts.iter().copied().zip(ends) {
        // `<?php` stands in front of the first.
        let mut wanted = kind == Kind::Php && start_byte == 0;
        while hits.next_if(|hit| *hit < end_byte).is_some() {
            wanted = true;
        }
        if !wanted {
            continue;
        }
        let (start_point, end_point) = (point(start_byte), point(end_byte));
        match out.last_mut() {
            Some(last) if last.end_byte == start_byte => {
                last.end_byte = end_byte;
                last.end_point = end_point;
            }
            _ => out.push(Range {
                start_byte,
                end_byte,
                start_point,
                end_point,
            }),
        }
    }
    out
}
