//! `verify:` in the settings: what is tried on both images, and how.

use super::document::{Fields, Word};
use super::yaml::{Kind, Node};
use std::collections::BTreeMap;

/// What `mbopt verify` tries, and with which settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verify {
    /// What is tried on both images.
    pub probes: Vec<ProbeSetting>,
    /// Set in every container.
    pub env: BTreeMap<String, String>,
    /// How long a start may take, in seconds.
    pub patience: Option<u64>,
}

/// A probe as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeSetting {
    /// As on the command line: `http:8080/health`.
    Text(String),
    /// `exec` or `command`, with its words.
    Words {
        /// `exec`, `command`.
        kind: String,
        /// The words.
        words: Vec<String>,
        /// Variables for it alone (`command` only).
        env: BTreeMap<String, String>,
    },
}

pub(super) const KEYS: [&str; 3] = ["probes", "env", "patience"];
pub(super) const KINDS: [&str; 4] = ["http", "tcp", "exec", "command"];

impl Fields<'_> {
    pub(super) fn verify(&mut self, node: &Node, known: &mut Verify) {
        for (name, key, value) in self.entries(node, "verify") {
            match name.as_str() {
                "probes" => {
                    let items = match &value.kind {
                        Kind::List(items) => items.as_slice(),
                        Kind::Null => &[],
                        _ => std::slice::from_ref(value),
                    };
                    known.probes = items.iter().filter_map(|item| self.probe(item)).collect();
                }
                "env" => known.env.extend(self.variables(value, "verify.env")),
                "patience" => match value.scalar().and_then(|text| text.parse().ok()) {
                    Some(seconds) => known.patience = Some(seconds),
                    None => self.problem(
                        value,
                        "`verify.patience` must be a number of seconds".to_owned(),
                        "no such number",
                        None,
                    ),
                },
                _ => self.unknown_key(key, &name, &KEYS, " in `verify`"),
            }
        }
    }

    fn variables(&mut self, node: &Node, what: &str) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for (name, _, value) in self.entries(node, what) {
            match (&value.kind, value.scalar()) {
                (Kind::Null, _) => out.push((name, String::new())),
                (_, Some(text)) => out.push((name, text)),
                _ => {
                    self.word(value, &format!("{what}.{name}"));
                }
            }
        }
        out
    }

    /// `http:8080/x`, `http: 8080/x`, `exec: [program, argument]`, `command: {words: [...], env: {...}}`.
    fn probe(&mut self, node: &Node) -> Option<ProbeSetting> {
        if !matches!(node.kind, Kind::Map(_)) {
            return self
                .word(node, "verify.probes")
                .map(|word| ProbeSetting::Text(word.text));
        }
        let entries = self.entries(node, "a probe");
        let mut found = None;
        let mut env = BTreeMap::new();
        for (name, key, value) in entries {
            match (name.as_str(), &value.kind) {
                ("env", _) => env.extend(self.variables(value, "env")),
                ("exec" | "command", Kind::List(_) | Kind::Null) => {
                    let words = self
                        .words(value, &name)
                        .into_iter()
                        .map(|word: Word| word.text)
                        .collect();
                    found = Some((name, words));
                }
                ("exec" | "command", _) => {
                    let text = self.word(value, &name)?.text;
                    found = Some((name, text.split_whitespace().map(str::to_owned).collect()));
                }
                ("http" | "tcp", _) => {
                    let text = self.word(value, &name)?.text;
                    return Some(ProbeSetting::Text(format!("{name}:{text}")));
                }
                _ => self.unknown_key(key, &name, &KINDS, " in a probe"),
            }
        }
        let (kind, words) = found?;
        Some(ProbeSetting::Words { kind, words, env })
    }
}
