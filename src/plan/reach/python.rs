//! Imports of Python.

use super::slice::{self, conditional, line, source};
use super::{Found, How, Import, Joined, Language};
use regex::Regex;
use std::sync::LazyLock;
use tree_sitter::Node;

static WANTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x-u)
            \b(?:import|find_spec)\b | import_module | __import__
            | __file__ | BASE_DIR | ROOT | basedir | getcwd
            | subprocess | check_output | check_call | Popen | \bos\.(?:system|popen)
            | environ | getenv
        ",
    )
    .ok()
});

/// What a source says.
pub fn look(text: &str) -> Found {
    slice::look(
        text,
        Language::Python,
        WANTED.as_ref(),
        &tree_sitter_python::LANGUAGE.into(),
        visit,
    )
}

fn push(found: &mut Found, what: String, how: How, conditional: bool, line: usize) {
    found.imports.push(Import {
        what,
        how,
        conditional,
        line,
    });
}

/// A plain literal's text.
fn literal<'t>(node: Node<'_>, text: &'t str) -> Option<&'t str> {
    if node.kind() != "string" {
        return None;
    }
    let inner = source(node, text);
    let body = inner.trim_start_matches(['r', 'b', 'u', 'R', 'B', 'U']);
    if inner.starts_with(['f', 'F']) {
        return None;
    }
    Some(body.trim_matches(['"', '\'']))
}

fn visit(node: Node<'_>, text: &str, found: &mut Found) {
    match node.kind() {
        "import_statement" => {
            let mut cursor = node.walk();
            for child in node.named_children(&mut cursor) {
                let name = match child.kind() {
                    "aliased_import" => child.child_by_field_name("name").map(|n| source(n, text)),
                    _ => Some(source(child, text)),
                };
                if let Some(name) = name {
                    push(found, name.to_owned(), How::Static, conditional(node, text), line(node));
                }
            }
        }
        "import_from_statement" => {
            let Some(module) = node.child_by_field_name("module_name") else {
                return;
            };
            let module_text: String = source(module, text).split_whitespace().collect();
            let at = line(node);
            let conditional = conditional(node, text);
            push(found, module_text.clone(), How::Static, conditional, at);
            let mut cursor = node.walk();
            for child in node.children_by_field_name("name", &mut cursor) {
                let name = match child.kind() {
                    "aliased_import" => child.child_by_field_name("name").map(|n| source(n, text)),
                    _ => Some(source(child, text)),
                };
                let Some(name) = name else { continue };
                let joined = if module_text.ends_with('.') {
                    format!("{module_text}{name}")
                } else {
                    format!("{module_text}.{name}")
                };
                push(found, joined, How::Maybe, conditional, at);
            }
        }
        "call" => call(node, text, found),
        "subscript" => {
            let value = node.child_by_field_name("value").map(|n| source(n, text));
            let key = node.child_by_field_name("subscript").and_then(|n| literal(n, text));
            if let (Some("os.environ" | "environ"), Some(key)) = (value, key) {
                found.env.insert(key.to_owned());
            }
        }
        // `BASE_DIR / "templates" / "x"`.
        "binary_operator" => divided(node, text, found),
        _ => {}
    }
}

fn divided(node: Node<'_>, text: &str, found: &mut Found) {
    if node.parent().is_some_and(|p| p.kind() == "binary_operator") {
        return;
    }
    let mut parts: Vec<&str> = Vec::new();
    let mut at = node;
    loop {
        let (Some(left), Some(right)) = (at.child_by_field_name("left"), at.child_by_field_name("right")) else {
            return;
        };
        match literal(right, text) {
            Some(part) => parts.push(part),
            None => parts.clear(),
        }
        if left.kind() == "binary_operator" {
            at = left;
            continue;
        }
        let base = source(left, text);
        if base.contains("BASE_DIR") || base.contains("ROOT") || base.contains("__file__") {
            parts.reverse();
            let path = parts.join("/");
            if !path.is_empty() {
                found.joined.push(Joined {
                    here: base.contains("__file__"),
                    path,
                    line: line(node),
                });
            }
        }
        return;
    }
}

fn argument<'n>(node: Node<'n>, index: usize) -> Option<Node<'n>> {
    node.child_by_field_name("arguments")?
        .named_child(u32::try_from(index).ok()?)
}

fn call(node: Node<'_>, text: &str, found: &mut Found) {
    let Some(function) = node.child_by_field_name("function") else {
        return;
    };
    let name = source(function, text);
    let last = name.rsplit('.').next().unwrap_or(name);
    let at = line(node);
    let first = argument(node, 0);
    match last {
        "import_module" | "__import__" | "find_spec" => {
            let Some(first) = first else { return };
            let inner = source(first, text);
            match literal(first, text) {
                Some(what) => push(found, what.to_owned(), How::Static, true, at),
                None if inner.starts_with(['f', 'F']) && first.kind() == "string" => {
                    let body = inner.get(1..).unwrap_or_default().trim_matches(['"', '\'']);
                    let prefix = body.split('{').next().unwrap_or_default();
                    let how = if prefix.is_empty() { How::Unknown } else { How::Prefix };
                    push(found, prefix.to_owned(), how, true, at);
                }
                None if first.kind() == "binary_operator" => {
                    let left = first.child_by_field_name("left").and_then(|n| literal(n, text));
                    match left {
                        Some(prefix) => push(found, prefix.to_owned(), How::Prefix, true, at),
                        None => push(found, String::new(), How::Unknown, true, at),
                    }
                }
                None => push(found, String::new(), How::Unknown, true, at),
            }
        }
        "run"
        | "call"
        | "check_call"
        | "check_output"
        | "Popen"
        | "system"
        | "popen"
        | "create_subprocess_exec"
        | "create_subprocess_shell" => {
            let starts = name.contains("subprocess")
                || name.starts_with("os.")
                || matches!(last, "Popen" | "check_output" | "check_call");
            let Some(first) = first.filter(|_| starts) else { return };
            let word = match first.kind() {
                "list" | "tuple" => first.named_child(0).and_then(|n| literal(n, text)),
                _ => literal(first, text).and_then(|command| command.split_whitespace().next()),
            };
            if let Some(word) = word.filter(|w| !w.is_empty() && !w.contains(['{', '$', '%'])) {
                found.programs.push((word.to_owned(), at));
            }
        }
        "getenv" | "get" if name.contains("environ") || last == "getenv" => {
            if let Some(key) = first.and_then(|n| literal(n, text)) {
                found.env.insert(key.to_owned());
            }
        }
        "join" => {
            let Some(first) = first else { return };
            let base = source(first, text);
            let here = base.contains("__file__");
            if !here
                && !base.contains("BASE_DIR")
                && !base.contains("getcwd")
                && !base.contains("ROOT")
                && !base.contains("basedir")
            {
                return;
            }
            let mut path = String::new();
            let mut index = 1;
            while let Some(part) = argument(node, index).and_then(|n| literal(n, text)) {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(part.trim_matches('/'));
                index += 1;
            }
            if !path.is_empty() {
                found.joined.push(Joined { here, path, line: at });
            }
        }
        _ => {}
    }
}
