//! Data walks one way: a layer may use only the layers to its left. The sources are parsed with
//! `syn`, so `crate::x::`, `super::` and inline paths all count; test modules are looked at too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// Left to right. `model` stands behind `shell` in the architecture, and uses only `syntax`.
const LAYERS: &[&str] = &[
    "source",
    "edit",
    "syntax",
    "shell",
    "model",
    "knowledge",
    "config",
    "context",
    "facts",
    "plan",
    "rule",
    "apply",
    "executor",
    "verify",
    "report",
    "cli",
    "lsp",
];

struct Paths {
    /// Modules of the file, from the crate's root: `["syntax", "lines"]`.
    module: Vec<String>,
    /// First segments, from the root, of every path in the file.
    uses: Vec<String>,
}

impl Paths {
    fn note(&mut self, segments: &[String]) {
        let mut module = self.module.clone();
        let mut rest = segments;
        match rest.first().map(String::as_str) {
            Some("crate") => {
                module.clear();
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|s| s == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
            }
            _ => return,
        }
        if let Some(first) = module.first().or(rest.first()) {
            self.uses.push(first.clone());
        }
    }

    fn tree(&mut self, prefix: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.tree(prefix, &path.tree);
                prefix.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(prefix, item)),
            syn::UseTree::Name(name) => {
                prefix.push(name.ident.to_string());
                self.note(prefix);
                prefix.pop();
            }
            syn::UseTree::Rename(rename) => {
                prefix.push(rename.ident.to_string());
                self.note(prefix);
                prefix.pop();
            }
            syn::UseTree::Glob(_) => self.note(prefix),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.note(&segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }
}

fn module_of(file: &Path, root: &Path) -> Vec<String> {
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<String> = relative
        .iter()
        .map(|part| part.to_string_lossy().replace('-', "_"))
        .collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

fn uses_of(text: &str, module: Vec<String>) -> Vec<String> {
    let mut paths = Paths {
        module,
        uses: Vec::new(),
    };
    paths.visit_file(&syn::parse_file(text).unwrap());
    paths.uses
}

fn wrong_arrows(file: &str, layer: &str, uses: &[String]) -> Vec<String> {
    let rank = |name: &str| LAYERS.iter().position(|l| *l == name);
    let own = rank(layer).unwrap_or_else(|| panic!("{file}: `{layer}` is not in LAYERS"));
    let mut wrong: Vec<String> = uses
        .iter()
        .filter(|used| rank(used).is_some_and(|r| r > own))
        .map(|used| format!("{file}: `{layer}` uses `{used}`, which lies to its right"))
        .collect();
    wrong.dedup();
    wrong
}

#[test]
fn layers_use_only_layers_to_their_left() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut files = 0;
    for entry in walkdir::WalkDir::new(&root).into_iter().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "rs") || path == root.join("lib.rs") || path == root.join("main.rs") {
            continue;
        }
        files += 1;
        let module = module_of(path, &root);
        let layer = module[0].clone();
        let uses = uses_of(&fs::read_to_string(path).unwrap(), module);
        wrong.extend(wrong_arrows(&path.display().to_string(), &layer, &uses));
    }
    assert!(files > 20, "only {files} source files found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_arrow_to_the_right_is_found_however_it_is_written() {
    for text in [
        "use crate::rule::Cx;",
        "use super::super::rule::Cx;",
        "fn f() { crate::rule::lint(); }",
        "mod inner { use super::super::super::rule; }",
        "use crate::{source::Span, rule::{Cx, Finding}};",
    ] {
        let uses = uses_of(text, vec!["syntax".into(), "lines".into()]);
        assert_eq!(wrong_arrows("x.rs", "syntax", &uses).len(), 1, "{text}: {uses:?}");
    }
    let uses = uses_of(
        "use crate::source::Span; use super::Word; use std::rule;",
        vec!["syntax".into(), "lines".into()],
    );
    assert!(wrong_arrows("x.rs", "syntax", &uses).is_empty(), "{uses:?}");
}
