//! Imports of JavaScript and TypeScript. The TSX grammar reads both.

use super::made;
use super::slice::{self, conditional, line, source};
use super::{Found, How, Import, Joined, Language};
use regex::Regex;
use std::sync::LazyLock;
use tree_sitter::Node;

static WANTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x-u)
            \b(?:import|require|requireActual|__dirname|Worker)\b
            | \bexport\s*(?:type\b\s*)?[*{]
            | \bcwd\( | \bprocess\s*\.\s*env\b
            | \b(?:exec|execSync|spawn|spawnSync|execFile|execFileSync|execa|fork)\s*\(\s*['"`]
            | \b(?:join|resolve)\(\s*['"`]
        "#,
    )
    .ok()
});

/// What shows that a source may open files that are not named in it.
static OPENS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"readFile|readdir|createReadStream|opendir|readJson|glob|cwd\(\)|__dirname|__filename|import\.meta|sendFile|\.static\(|render\(|useStaticAssets|existsSync|dotenv|rootPath",
    )
    .ok()
});

/// Whether a source may open files that it does not name.
pub fn opens(text: &str) -> bool {
    OPENS.as_ref().is_none_or(|opens| opens.is_match(text))
}

/// What a source says.
pub fn look(text: &str) -> Found {
    slice::look(
        text,
        Language::JavaScript,
        WANTED.as_ref(),
        &tree_sitter_typescript::LANGUAGE_TSX.into(),
        visit,
    )
}

/// A literal's text; none where variables are in it.
fn literal<'t>(node: Node<'_>, text: &'t str) -> Option<&'t str> {
    match node.kind() {
        "string" => Some(source(node, text).trim_matches(['"', '\''])),
        "template_string" if node.named_child_count() == 0 || !source(node, text).contains("${") => {
            Some(source(node, text).trim_matches('`'))
        }
        _ => None,
    }
}

fn visit(node: Node<'_>, text: &str, found: &mut Found) {
    match node.kind() {
        "import_statement" | "export_statement" => {
            // Types leave nothing behind at run time.
            let types = source(node, text)
                .split_whitespace()
                .nth(1)
                .is_some_and(|word| word == "type");
            let from = node.child_by_field_name("source").and_then(|s| literal(s, text));
            if let Some(from) = from.filter(|_| !types) {
                push(found, from, How::Static, false, line(node));
            } else if node.kind() == "import_statement" && !types {
                // `import x = require("y")`.
                let inner = source(node, text);
                if let Some((_, rest)) = inner.split_once("require(") {
                    let name = rest
                        .trim_start_matches(['"', '\''])
                        .split(['"', '\''])
                        .next()
                        .unwrap_or_default();
                    push(found, name, How::Static, false, line(node));
                }
            }
        }
        "call_expression" => call(node, text, found),
        "new_expression" => {
            let name = node.child_by_field_name("constructor").map(|n| source(n, text));
            let first = argument(node, 0);
            match (name, first) {
                (Some("Worker"), Some(first)) => {
                    if let Some(path) = literal(first, text) {
                        here(found, path, line(node));
                    }
                }
                (Some("URL"), Some(first)) => {
                    let own = argument(node, 1).is_some_and(|n| source(n, text) == "import.meta.url");
                    if let Some(path) = literal(first, text).filter(|_| own) {
                        here(found, path, line(node));
                    }
                }
                _ => {}
            }
        }
        "member_expression" => {
            let object = node.child_by_field_name("object").map(|n| source(n, text));
            let property = node.child_by_field_name("property");
            if let (Some("process.env"), Some(property)) = (object, property) {
                found.env.insert(source(property, text).to_owned());
            }
        }
        // `__dirname + "/x"`.
        "binary_expression" => {
            let left = node.child_by_field_name("left").map(|n| source(n, text));
            let right = node.child_by_field_name("right").and_then(|n| literal(n, text));
            if let (Some("__dirname"), Some(path)) = (left, right) {
                here(found, path.trim_start_matches('/'), line(node));
            }
        }
        "template_string" => {
            let inner = source(node, text).trim_matches('`');
            if let Some(rest) = inner.strip_prefix("${__dirname}/") {
                let known = rest.split("${").next().unwrap_or_default();
                let known = if rest.contains("${") { folder_of(known) } else { known };
                here(found, known, line(node));
            }
        }
        _ => {}
    }
}

fn here(found: &mut Found, path: &str, line: usize) {
    found.joined.push(Joined {
        here: true,
        path: path.to_owned(),
        line,
    });
}

fn push(found: &mut Found, what: &str, how: How, conditional: bool, line: usize) {
    if !what.is_empty() || how == How::Unknown {
        found.imports.push(Import {
            what: what.to_owned(),
            how,
            conditional,
            line,
        });
    }
}

fn argument<'n>(node: Node<'n>, index: usize) -> Option<Node<'n>> {
    let arguments = node.child_by_field_name("arguments")?;
    arguments.named_child(u32::try_from(index).ok()?)
}

/// A path up to its last `/`.
fn folder_of(path: &str) -> &str {
    path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default()
}

fn call(node: Node<'_>, text: &str, found: &mut Found) {
    let Some(function) = node.child_by_field_name("function") else {
        return;
    };
    let name = source(function, text);
    let at = line(node);
    let last = name.rsplit('.').next().unwrap_or(name);
    match name {
        "require" | "import" | "require.resolve" | "import.meta.resolve" | "jest.requireActual" => {
            let Some(first) = argument(node, 0) else { return };
            if let Some(what) = literal(first, text) {
                push(found, what, How::Static, conditional(node, text), at);
            } else {
                dynamic(first, text, found, conditional(node, text), at);
            }
            return;
        }
        _ => {}
    }
    match last {
        // A list's `join` and a promise's `resolve` are others.
        "join" | "resolve" if name == last || name.to_ascii_lowercase().contains("path") => {
            joined(node, text, found, at);
        }
        "exec" | "execSync" | "spawn" | "spawnSync" | "execFile" | "execFileSync" | "execa" | "fork" => {
            let Some(command) = argument(node, 0).and_then(|n| literal(n, text)) else {
                return;
            };
            let first = command.split_whitespace().next().unwrap_or_default();
            if last == "fork" {
                found.joined.push(Joined {
                    here: false,
                    path: first.to_owned(),
                    line: at,
                });
            } else if is_program(first) {
                found.programs.push((first.to_owned(), at));
            }
        }
        _ => {}
    }
}

/// Whether a word could be a program's name; a regular expression's `exec` gives others.
fn is_program(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'+'))
}

/// An import by a name that is made: a template, a sum, a join, or a variable that holds one.
fn dynamic(node: Node<'_>, text: &str, found: &mut Found, conditional: bool, line: usize) {
    match made::prefix(source(node, text), text) {
        Some(prefix) => push(found, &prefix, How::Prefix, conditional, line),
        None => push(found, "", How::Unknown, conditional, line),
    }
}

/// `path.join(__dirname, "a", b)`, `path.resolve("a")`.
fn joined(node: Node<'_>, text: &str, found: &mut Found, line: usize) {
    let Some(first) = argument(node, 0) else { return };
    let start = source(first, text);
    let here = matches!(start, "__dirname" | "import.meta.dirname");
    let cwd = start.contains("cwd()");
    let mut path = String::new();
    let mut index = usize::from(here || cwd);
    while let Some(part) = argument(node, index) {
        match literal(part, text) {
            Some(part) => {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(part.trim_matches('/'));
            }
            None => break,
        }
        index += 1;
    }
    if path.is_empty() {
        return;
    }
    found.joined.push(Joined { here, path, line });
}
