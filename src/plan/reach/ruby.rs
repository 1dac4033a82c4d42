//! Requires of Ruby.

use super::slice::{self, conditional, line, source};
use super::{Found, How, Import, Joined, Language};
use regex::Regex;
use std::sync::LazyLock;
use tree_sitter::Node;

static WANTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?-u:\b)(require|require_relative|load|autoload|system|spawn|capture2|capture3|ENV|join|expand_path)(?-u:\b)",
    )
    .ok()
});

/// What a source says.
pub fn look(text: &str) -> Found {
    slice::look(
        text,
        Language::Ruby,
        WANTED.as_ref(),
        &tree_sitter_ruby::LANGUAGE.into(),
        visit,
    )
}

fn literal<'t>(node: Node<'_>, text: &'t str) -> Option<&'t str> {
    let inner = source(node, text);
    (node.kind() == "string" && !inner.contains("#{")).then(|| inner.trim_matches(['"', '\'']))
}

fn visit(node: Node<'_>, text: &str, found: &mut Found) {
    let line = line(node);
    if node.kind() == "element_reference" {
        let mut cursor = node.walk();
        let parts: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
        if let [object, key] = parts.as_slice()
            && source(*object, text) == "ENV"
            && let Some(key) = literal(*key, text)
        {
            found.env.insert(key.to_owned());
        }
        return;
    }
    if node.kind() != "call" {
        return;
    }
    let Some(method) = node.child_by_field_name("method") else {
        return;
    };
    let receiver = node.child_by_field_name("receiver").map(|n| source(n, text));
    let arguments = node.child_by_field_name("arguments");
    let argument = |index: u32| arguments.and_then(|a| a.named_child(index));
    let conditional = conditional(node, text);
    let mut push = |what: &str, how: How| {
        found.imports.push(Import {
            what: what.to_owned(),
            how,
            conditional,
            line,
        });
    };
    match source(method, text) {
        "require" if receiver.is_none() => match argument(0).map(|n| (literal(n, text), n)) {
            Some((Some(name), _)) => push(name, How::Static),
            // `Dir[...].each { |f| require f }`: the pattern is a literal of its own.
            Some((None, _)) => push("", How::Unknown),
            None => {}
        },
        "require_relative" | "load" => match argument(0).map(|n| (literal(n, text), n)) {
            Some((Some(name), _)) => push(&format!("./{}", name.trim_start_matches("./")), How::Static),
            Some((None, _)) => push("", How::Unknown),
            None => {}
        },
        "autoload" => {
            if let Some(name) = argument(1).and_then(|n| literal(n, text)) {
                push(name, How::Static);
            }
        }
        "system" | "spawn" | "capture3" | "capture2" => {
            let word = argument(0)
                .and_then(|n| literal(n, text))
                .and_then(|c| c.split_whitespace().next());
            if let Some(word) = word {
                found.programs.push((word.to_owned(), line));
            }
        }
        "fetch" if receiver == Some("ENV") => {
            if let Some(key) = argument(0).and_then(|n| literal(n, text)) {
                found.env.insert(key.to_owned());
            }
        }
        "join" | "expand_path" => {
            let here = source(node, text).contains("__dir__") || source(node, text).contains("__FILE__");
            let mut parts = Vec::new();
            for index in 0..4 {
                parts.extend(argument(index).and_then(|n| literal(n, text)));
            }
            let root = receiver.is_some_and(|r| r.contains("root"));
            if (here || root) && !parts.is_empty() {
                found.joined.push(Joined {
                    here,
                    path: parts.join("/"),
                    line,
                });
            }
        }
        _ => {}
    }
}
