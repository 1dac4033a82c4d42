//! What a rule says of itself. The build script generates these values from `rules/*.yaml`; user
//! rules are read once a process and leaked, so that both kinds have the same type.

use super::diagnostic::Severity;
use crate::edit::Applicability;

/// A rule's identity and documentation.
#[derive(Debug)]
pub struct RuleMeta {
    /// Kebab-case words; the YAML file's name.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What it is about: `size`, `cache`, `security`, `correctness`, `reproducibility`, `style`.
    pub category: &'static str,
    /// Severity without configuration.
    pub severity: Severity,
    /// Whether it runs without being selected.
    pub enabled: bool,
    /// The peers' codes for the same thing (`DL3008`, `JSONArgsRecommended`, ...).
    pub aliases: &'static [&'static str],
    /// What it leaves to others.
    pub yields_to: &'static [Yield],
    /// What it finds. Markdown.
    pub what: &'static str,
    /// Why that matters. Markdown.
    pub why: &'static str,
    /// The best applicability of its fixes; none where it has no fix.
    pub fixable: Option<Applicability>,
    /// When a fix is safe, when not, and why. Markdown; empty where it has no fix.
    pub fix_safety: &'static str,
    /// Options it takes in the config.
    pub options: &'static [OptionSpec],
    /// Where the rule or its facts come from.
    pub references: &'static [&'static str],
    /// Examples; each is a test.
    pub examples: &'static [Example],
}

/// Where a rule stays silent, since another says more of the same fault; rules are given by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yield {
    /// Where that rule stands on the very words.
    SameWords(&'static str),
    /// Where that rule found something in the file.
    SameFile(&'static str),
    /// Where that rule offers a fix in the file, which mends this fault too.
    MendedBy(&'static str),
    /// Where BuildKit refuses the very words whatever the build arguments are; a refusal that
    /// arguments could lift is left to the rule.
    Refusal,
}

/// Whose codes stand among the aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// `DL` or `SC` and digits.
    Hadolint,
    /// BuildKit's build checks: words in upper camel case.
    BuildKit,
}

impl Peer {
    /// Whether a code is one of the peer's, by its shape.
    pub fn owns(self, code: &str) -> bool {
        let digits = |prefix: &str| {
            code.strip_prefix(prefix)
                .is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
        };
        match self {
            Peer::Hadolint => digits("DL") || digits("SC"),
            Peer::BuildKit => {
                code.bytes().all(|b| b.is_ascii_alphabetic())
                    && code.starts_with(|c: char| c.is_ascii_uppercase())
                    && code.contains(|c: char| c.is_ascii_lowercase())
            }
        }
    }
}

impl RuleMeta {
    /// The rule's codes of a peer.
    pub fn codes_of(&self, peer: Peer) -> impl Iterator<Item = &'static str> {
        self.aliases.iter().copied().filter(move |code| peer.owns(code))
    }
}

/// An option of a rule.
#[derive(Debug)]
pub struct OptionSpec {
    /// Its key in the config.
    pub name: &'static str,
    /// `bool`, `integer`, `string`, `list`, `map`.
    pub kind: &'static str,
    /// Its default, as YAML.
    pub default: &'static str,
    /// What it does.
    pub what: &'static str,
}

/// A Dockerfile in which the rule fires (`bad`), and what its fix makes of it, or one in which it
/// is silent (`good` alone).
#[derive(Debug)]
pub struct Example {
    /// What the example shows, where that needs words.
    pub title: &'static str,
    /// The rule fires here.
    pub bad: &'static str,
    /// The rule is silent here; where `bad` is given and the rule has a fix, the fixed text.
    pub good: &'static str,
    /// Files of the build context: path and content.
    pub context: &'static [(&'static str, &'static str)],
    /// Files that the fix makes in the build context: path and content.
    pub creates: &'static [(&'static str, &'static str)],
    /// The rule's options, where they are not the default ones: name and value as YAML.
    pub options: &'static [(&'static str, &'static str)],
}
