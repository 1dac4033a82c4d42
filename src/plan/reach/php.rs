//! Includes of PHP.

use super::slice::{self, line, source};
use super::{Found, How, Import, Joined, Language};
use regex::Regex;
use std::sync::LazyLock;
use tree_sitter::Node;

static WANTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i-u)\b(?:include|include_once|require|require_once|use|getenv|env|exec|shell_exec|system|passthru|proc_open|__DIR__|__FILE__)\b|[a-z0-9_]\\",
    )
    .ok()
});

/// What a source says.
pub fn look(text: &str) -> Found {
    slice::look(
        text,
        Language::Php,
        WANTED.as_ref(),
        &tree_sitter_php::LANGUAGE_PHP.into(),
        visit,
    )
}

/// The literal at the end of `__DIR__ . '/x'`, or alone.
fn path(node: Node<'_>, text: &str) -> Option<(bool, String)> {
    let inner = source(node, text).trim().trim_matches(['(', ')']).trim();
    let here = inner.contains("__DIR__") || inner.contains("dirname(__FILE__)");
    let quote = inner.find(['"', '\''])?;
    let mark = inner.as_bytes().get(quote).copied()? as char;
    let rest = inner.get(quote + 1..)?;
    let name = rest.get(..rest.find(mark)?)?;
    let variable = name.contains('$') || !here && quote > 0;
    (!variable).then(|| (here, name.trim_start_matches('/').to_owned()))
}

fn visit(node: Node<'_>, text: &str, found: &mut Found) {
    let line = line(node);
    match node.kind() {
        "include_expression" | "include_once_expression" | "require_expression" | "require_once_expression" => {
            let inner = node.named_child(0);
            match inner.and_then(|n| path(n, text)) {
                Some((_, name)) => found.imports.push(Import {
                    what: format!("./{name}"),
                    how: How::Static,
                    conditional: false,
                    line,
                }),
                None => found.imports.push(Import {
                    what: String::new(),
                    how: How::Unknown,
                    conditional: false,
                    line,
                }),
            }
        }
        // `use A\B;`, each of `use A\{B, C};`, and `new \A\B()`.
        "namespace_use_clause" | "qualified_name" => {
            if node.kind() == "qualified_name" && node.parent().is_some_and(|p| p.kind() == "namespace_use_clause") {
                return;
            }
            let name = source(node, text)
                .split(" as ")
                .next()
                .unwrap_or_default()
                .trim_start_matches('\\');
            if node.kind() == "qualified_name" && !name.contains('\\') {
                return;
            }
            let group = node.parent().filter(|p| p.kind() == "namespace_use_group");
            let above = group.and_then(|g| g.prev_named_sibling()).map(|n| source(n, text));
            let name = match above {
                Some(above) => format!("{}\\{name}", above.trim_matches('\\')),
                None => name.to_owned(),
            };
            found.imports.push(Import {
                what: name.replace('\\', "."),
                how: How::Maybe,
                conditional: false,
                line,
            });
        }
        "binary_expression" => {
            if let Some((true, name)) = path(node, text) {
                found.joined.push(Joined {
                    here: true,
                    path: name,
                    line,
                });
            }
        }
        "function_call_expression" => {
            let function = node
                .child_by_field_name("function")
                .map(|n| source(n, text))
                .unwrap_or_default();
            let first = node
                .child_by_field_name("arguments")
                .and_then(|a| a.named_child(0))
                .map(|n| source(n, text).trim_matches(['"', '\'']).to_owned());
            match (function, first) {
                ("getenv" | "env", Some(name)) => {
                    found.env.insert(name);
                }
                ("exec" | "shell_exec" | "system" | "passthru" | "proc_open", Some(command)) => {
                    let word = command.split_whitespace().next().unwrap_or_default();
                    if !word.is_empty() && !word.contains('$') {
                        found.programs.push((word.to_owned(), line));
                    }
                }
                _ => {}
            }
        }
        _ => {}
    }
}
