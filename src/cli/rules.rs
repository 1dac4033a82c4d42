//! `mbopt rules`: the list of rules, and what the peers call them.

use super::args::{ListFormat, Peer, Rules};
use crate::edit::Applicability;
use crate::report::severity_word;
use crate::rule::{RuleMeta, meta};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The list as it is printed.
pub fn list(rules: &[&'static RuleMeta], args: &Rules) -> String {
    let mut rules = rules.to_vec();
    rules.sort_by_key(|rule| (rule.category, rule.id));
    match (args.map, args.format) {
        (Some(peer), ListFormat::Text) => map_text(&map(&rules, peer)),
        (Some(peer), ListFormat::Json) => {
            // A code may be spread over several rules.
            let mut codes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (code, id) in map(&rules, peer) {
                codes.entry(code).or_default().push(id);
            }
            pretty(&json!(codes))
        }
        (None, ListFormat::Text) => text(&rules),
        (None, ListFormat::Json) => {
            pretty(&json!({ "version": 1, "rules": rules.iter().map(|r| describe(r)).collect::<Vec<_>>() }))
        }
    }
}

fn pretty(value: &Value) -> String {
    // A value made here has only string keys, so it can be written.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// The word for what a rule's fix can be trusted with.
fn fix_word(rule: &RuleMeta) -> &'static str {
    match rule.fixable {
        Some(Applicability::Safe) => "safe",
        Some(Applicability::Unsafe) => "unsafe",
        Some(Applicability::DisplayOnly) => "shown",
        None => "-",
    }
}

fn text(rules: &[&'static RuleMeta]) -> String {
    let width = |of: fn(&RuleMeta) -> usize, least: usize| rules.iter().map(|r| of(r)).max().unwrap_or(0).max(least);
    let id = width(|r| r.id.len(), 4);
    let category = width(|r| r.category.len(), 8);
    // Writing to a string cannot fail, here and below.
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:id$}  {:category$}  {:8}  {:6}  SUMMARY",
        "RULE", "CATEGORY", "SEVERITY", "FIX"
    );
    for rule in rules {
        let severity = if rule.enabled {
            severity_word(rule.severity)
        } else {
            "(off)"
        };
        let _ = writeln!(
            out,
            "{:id$}  {:category$}  {severity:8}  {:6}  {}",
            rule.id,
            rule.category,
            fix_word(rule),
            rule.summary
        );
    }
    let _ = writeln!(out, "\n{} rules; `mbopt explain RULE` says more", rules.len());
    out
}

fn describe(rule: &RuleMeta) -> Value {
    json!({
        "id": rule.id,
        "summary": rule.summary,
        "category": rule.category,
        "severity": rule.severity,
        "enabled": rule.enabled,
        "aliases": rule.aliases,
        "fix": rule.fixable,
        "what": rule.what,
        "why": rule.why,
        "fix_safety": rule.fix_safety,
        "options": rule.options.iter().map(|o| json!({ "name": o.name, "kind": o.kind, "default": o.default, "what": o.what })).collect::<Vec<_>>(),
        "references": rule.references,
    })
}

fn codes_of(peer: Peer, rule: &RuleMeta) -> Vec<&'static str> {
    let peer = match peer {
        Peer::Hadolint => meta::Peer::Hadolint,
        Peer::Buildkit => meta::Peer::BuildKit,
    };
    rule.codes_of(peer).collect()
}

fn map(rules: &[&'static RuleMeta], peer: Peer) -> Vec<(&'static str, &'static str)> {
    let mut pairs: Vec<_> = rules
        .iter()
        .flat_map(|rule| codes_of(peer, rule).into_iter().map(|code| (code, rule.id)))
        .collect();
    pairs.sort_unstable();
    pairs
}

fn map_text(pairs: &[(&str, &str)]) -> String {
    let width = pairs.iter().map(|(code, _)| code.len()).max().unwrap_or(0);
    pairs.iter().fold(String::new(), |mut out, (code, id)| {
        let _ = writeln!(out, "{code:width$}  {id}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::RULE;

    fn args(format: ListFormat, map: Option<Peer>) -> Rules {
        Rules { format, map }
    }

    #[test]
    fn lists_and_maps() {
        let shown = list(&[&RULE], &args(ListFormat::Text, None));
        assert!(
            shown.contains("sample-rule  correctness  warning   safe    A rule for tests\n"),
            "{shown}"
        );
        assert_eq!(
            list(&[&RULE], &args(ListFormat::Text, Some(Peer::Hadolint))),
            "DL9999  sample-rule\n"
        );
        assert_eq!(
            list(&[&RULE], &args(ListFormat::Text, Some(Peer::Buildkit))),
            "SampleRule  sample-rule\n"
        );
        let json: Value = serde_json::from_str(&list(&[&RULE], &args(ListFormat::Json, None))).unwrap();
        assert_eq!(json["rules"][0]["id"], "sample-rule");
        assert_eq!(json["rules"][0]["fix"], "safe");
    }
}
