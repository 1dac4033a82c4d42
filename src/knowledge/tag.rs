//! What the words of an image's tag say.

use super::table::Codename;
use super::{codename, table};

/// Words that tell variants apart and are no version.
const VARIANT_WORDS: [&str; 16] = [
    "slim",
    "alpine",
    "jdk",
    "jre",
    "fpm",
    "cli",
    "apache",
    "zts",
    "minimal",
    "distroless",
    "nonroot",
    "debug",
    "builder",
    "perl",
    "openjdk",
    "latest",
];

/// Words in front of the Java version in tags of other products.
const JAVA_WORDS: [&str; 5] = ["temurin", "openjdk", "jdk", "jre", "corretto"];

/// A tag, taken apart at its `-`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tag<'a> {
    text: &'a str,
    version: Option<&'a str>,
    words: Vec<&'a str>,
    codename: Option<&'static Codename>,
}

impl<'a> Tag<'a> {
    /// Takes a tag apart. `latest` says as little as no tag.
    pub fn parse(text: &'a str) -> Tag<'a> {
        let text = if text == "latest" { "" } else { text };
        let mut words: Vec<&str> = text.split('-').filter(|word| !word.is_empty()).collect();
        let versionless =
            |word: &str| VARIANT_WORDS.contains(&word) || word.starts_with("alpine") || codename(word).is_some();
        let version = words.first().copied().filter(|word| !versionless(word));
        if version.is_some() {
            words.remove(0);
        }
        let codename = words.iter().find_map(|word| codename(word));
        Tag {
            text,
            version,
            words,
            codename,
        }
    }

    /// The whole tag; empty for `latest`.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The leading word, where it is no variant: `3.12.1`, `lts`, `8u392`.
    pub fn version(&self) -> Option<&'a str> {
        self.version
    }

    /// The version's leading digits.
    pub fn major(&self) -> Option<&'a str> {
        let version = self.version?;
        let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
        version.get(..end).filter(|digits| !digits.is_empty())
    }

    /// The version's first two numbers, as in `3.12`; none where it has only one.
    pub fn minor(&self) -> Option<&'a str> {
        let version = self.version?;
        let major = self.major()?;
        let rest = version.get(major.len()..)?.strip_prefix('.')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if digits == 0 {
            None
        } else {
            version.get(..major.len() + 1 + digits)
        }
    }

    /// The words behind the version.
    pub fn words(&self) -> &[&'a str] {
        &self.words
    }

    /// The Debian or Ubuntu release that is named.
    pub fn codename(&self) -> Option<&'static Codename> {
        self.codename
    }

    /// The word that names Alpine: `alpine`, `alpine3.20`.
    pub fn alpine_word(&self) -> Option<&'a str> {
        self.words.iter().copied().find(|word| word.starts_with("alpine"))
    }

    /// Alpine's release, where it is named.
    pub fn alpine(&self) -> Option<&'a str> {
        self.alpine_word()?
            .strip_prefix("alpine")
            .filter(|version| !version.is_empty())
    }

    /// The Java version in a tag of another product: `jdk21`, `temurin-21`, `openjdk-17`.
    pub fn jdk(&self) -> Option<&'a str> {
        let digits = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        let mut before = None;
        for word in &self.words {
            let glued = JAVA_WORDS.iter().find_map(|prefix| word.strip_prefix(prefix));
            if let Some(version) = glued.filter(digits) {
                return Some(version);
            }
            if before.is_some_and(|word| JAVA_WORDS.contains(&word)) && digits(word) {
                return Some(word);
            }
            before = Some(*word);
        }
        None
    }

    /// Whether all of a variant's words occur: as such, or with a number behind.
    pub fn has_all(&self, wanted: &[&str]) -> bool {
        wanted.iter().all(|wanted| {
            self.words.iter().chain(self.version.iter()).any(|word| {
                let rest = word.strip_prefix(wanted);
                rest.is_some_and(|rest| rest.bytes().next().is_none_or(|b| b.is_ascii_digit()))
            })
        })
    }

    /// Whether every word behind the version is known: a variant's, a release's, or Java's.
    pub(super) fn is_understood(&self, image: &table::Image) -> bool {
        self.words.iter().all(|word| {
            let stem = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            stem.is_empty()
                || VARIANT_WORDS.contains(&stem)
                || matches!(stem, "eclipse" | "temurin" | "b")
                || codename(word).is_some()
                || image.variants.iter().any(|variant| variant.words.contains(&stem))
        })
    }
}
