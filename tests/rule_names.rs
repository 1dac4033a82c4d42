//! The core names no rule: outside of `src/rule/checks`, no string in `src/` is a rule's id. What one
//! rule leaves to another stands in its YAML. Words that are settings too (`shellcheck`, an option of
//! the rule's own name) are settings there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::config::KEYS;
use mbopt::rule::Registry;
use std::collections::BTreeSet;
use std::path::Path;
use syn::visit::{self, Visit};

#[derive(Default)]
struct Strings(Vec<String>);

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes
        .iter()
        .any(|a| a.path().is_ident("cfg") && a.parse_args::<syn::Ident>().is_ok_and(|word| word == "test"))
}

impl<'ast> Visit<'ast> for Strings {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.0.push(literal.value());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let text = call.tokens.to_string();
        self.0.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
    }
}

#[test]
fn the_core_names_no_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let settings: BTreeSet<&str> = Registry::builtin()
        .rules()
        .flat_map(|rule| rule.options.iter().map(|o| o.name))
        .chain(KEYS)
        .collect();
    let ids: BTreeSet<&str> = Registry::builtin()
        .rules()
        .map(|rule| rule.id)
        .filter(|id| !settings.contains(id))
        .collect();
    let mut looked_at = 0;
    let mut named = Vec::new();
    for entry in walkdir::WalkDir::new(&root).into_iter().flatten() {
        let path = entry.path();
        let is_source = path.extension().is_some_and(|e| e == "rs");
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        if !is_source || path.starts_with(root.join("rule/checks")) || stem == "tests" || stem.ends_with("_tests") {
            continue;
        }
        let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
        if is_test(&file.attrs) {
            continue;
        }
        let mut strings = Strings::default();
        strings.visit_file(&file);
        looked_at += strings.0.len();
        let short = path.strip_prefix(&root).unwrap().display();
        named.extend(
            strings
                .0
                .iter()
                .filter(|text| ids.contains(text.as_str()))
                .map(|text| format!("src/{short} names `{text}`")),
        );
    }
    assert!(looked_at > 1000, "only {looked_at} strings looked at");
    assert!(named.is_empty(), "{}", named.join("\n"));
}
