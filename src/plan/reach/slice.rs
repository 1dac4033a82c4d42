//! The parts of a source that a parser has to see, and the walk over what it made of them.

use super::Found;
use regex::Regex;
use std::cell::RefCell;
use tree_sitter::{Language, Node, Parser, Point, Range, Tree};

thread_local! {
    static PARSER: RefCell<Parser> = RefCell::new(Parser::new());
}

/// A part ends at the latest so many bytes behind its line, where its brackets do not close.
const PART_LIMIT: usize = 4_000;

/// Visits every node of the parts of a text in which a pattern occurs, parents first.
pub fn look(text: &str, wanted: Option<&Regex>, language: &Language, visit: fn(Node<'_>, &str, &mut Found)) -> Found {
    let mut found = Found::default();
    let Some(tree) = wanted.and_then(|wanted| parse(text, wanted, language)) else {
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

/// Parses the lines of a text in which a pattern occurs, each with what its brackets enclose; none
/// where nothing occurs. Positions are those of the whole text.
fn parse(text: &str, wanted: &Regex, language: &Language) -> Option<Tree> {
    let parts = parts(text, wanted);
    if parts.is_empty() {
        return None;
    }
    PARSER.with_borrow_mut(|parser| {
        parser.set_language(language).ok()?;
        parser.set_included_ranges(&parts).ok()?;
        let tree = parser.parse(text, None);
        let _ = parser.set_included_ranges(&[]);
        tree
    })
}

/// The parts, in order, none touching the next.
fn parts(text: &str, wanted: &Regex) -> Vec<Range> {
    let bytes = text.as_bytes();
    let mut out: Vec<Range> = Vec::new();
    let (mut row, mut row_start) = (0, 0);
    let mut done = 0;
    for hit in wanted.find_iter(text) {
        if hit.start() < done {
            continue;
        }
        // The line's beginning, counting lines on the way.
        let mut at = row_start;
        while let Some(offset) = bytes
            .get(at..hit.start())
            .and_then(|rest| rest.iter().position(|b| *b == b'\n'))
        {
            row += 1;
            at += offset + 1;
            row_start = at;
        }
        let start = row_start.max(done);
        let start_point = Point::new(row, start - row_start);
        let end = end_of(bytes, start);
        while let Some(offset) = bytes
            .get(row_start..end)
            .and_then(|rest| rest.iter().position(|b| *b == b'\n'))
        {
            row += 1;
            row_start += offset + 1;
        }
        let end_point = Point::new(row, end - row_start);
        match out.last_mut() {
            Some(last) if last.end_byte == start => {
                last.end_byte = end;
                last.end_point = end_point;
            }
            _ => out.push(Range {
                start_byte: start,
                end_byte: end,
                start_point,
                end_point,
            }),
        }
        done = end;
    }
    out
}

/// Where the logical line that begins at `start` ends: behind the newline after which all of its
/// brackets are closed.
fn end_of(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_i32;
    let mut quote = 0;
    let mut at = start;
    let limit = bytes.len().min(start + PART_LIMIT);
    let mut first_line = None;
    while at < limit {
        let byte = bytes.get(at).copied().unwrap_or(b'\n');
        match byte {
            b'\\' => at += 1,
            b'\n' => {
                first_line = first_line.or(Some(at + 1));
                if depth <= 0 {
                    return at + 1;
                }
                if quote != b'`' {
                    quote = 0;
                }
            }
            _ if quote != 0 && byte == quote => {
                quote = 0;
            }
            b'"' | b'\'' | b'`' => quote = byte,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    if limit == bytes.len() {
        return limit;
    }
    // Never closed: the line alone.
    first_line.unwrap_or(limit)
}
