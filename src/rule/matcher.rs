//! The compiled form of a declarative check. The build script writes these values as statics;
//! user rules are turned into them once, at run time.

use super::schema::{Each, Field, Filter, Hook, ScopeWord};
use crate::edit::{Applicability, Effect};
use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// A declarative check.
#[derive(Debug)]
pub struct Matcher {
    /// What it looks at.
    pub on: Hook,
    /// Upper-cased instruction keywords it is limited to; empty for all.
    pub keywords: &'static [&'static str],
    /// Command names it is limited to; empty for all.
    pub commands: &'static [&'static str],
    /// The list whose elements are looked at one by one.
    pub each: Option<Each>,
    /// What must hold for the stage.
    pub scope: &'static [ScopeWord],
    /// The condition.
    pub when: Cond,
    /// The field to underline.
    pub at: Option<Field>,
    /// The finding's sentence.
    pub message: Template,
    /// One line on what to do.
    pub help: Option<Template>,
    /// The fix.
    pub fix: Option<FixTemplate>,
}

/// A condition.
#[derive(Debug)]
pub enum Cond {
    /// Holds always.
    Always,
    /// All hold.
    All(&'static [Cond]),
    /// One holds.
    Any(&'static [Cond]),
    /// It does not hold.
    Not(&'static Cond),
    /// A field passes a test.
    Test(Field, Op),
}

/// A test of a field's values.
#[derive(Debug)]
pub enum Op {
    /// One equals the text.
    Equals(&'static str),
    /// One is in the list.
    In(&'static [&'static str]),
    /// One begins so.
    Prefix(&'static str),
    /// One ends so.
    Suffix(&'static str),
    /// One holds the text.
    Contains(&'static str),
    /// One matches.
    Regex(&'static Pattern),
    /// There is none (`true`), or at least one (`false`).
    Absent(bool),
    /// One is a dotted version below this one.
    VersionBelow(&'static [u32]),
    /// There are more than this many.
    MoreThan(usize),
}

/// A regular expression that is compiled when it is first asked for, once a process. Its classes are
/// ASCII's: names, paths and options are, and compiling is several times as fast without Unicode's.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern from its source; the build script and the loader of user rules have checked it.
    pub const fn new(source: &'static str) -> Self {
        Pattern {
            source,
            compiled: OnceLock::new(),
        }
    }

    /// Whether the text matches; a pattern that does not compile matches nothing.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled
            .get_or_init(|| compile(self.source).ok())
            .as_ref()
            .is_some_and(|r| r.is_match(text.as_bytes()))
    }
}

/// Compiles a pattern the way [`Pattern`] does.
///
/// # Errors
/// If it is none.
pub fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).unicode(false).build()
}

/// Text with fields in it.
#[derive(Debug, Clone, Copy)]
pub struct Template(pub &'static [Part]);

/// A piece of a template.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// Text.
    Text(&'static str),
    /// A field's value, filtered.
    Field(Field, Filter),
}

/// A declarative fix.
#[derive(Debug)]
pub struct FixTemplate {
    /// What it does.
    pub title: Template,
    /// How far it can be trusted.
    pub applicability: Applicability,
    /// Where this holds, it is unsafe.
    pub unsafe_when: Option<Cond>,
    /// What it announces.
    pub effects: &'static [Effect],
    /// Its edits.
    pub edits: &'static [EditTemplate],
}

/// One edit of a declarative fix.
#[derive(Debug)]
pub enum EditTemplate {
    /// A blank and a word behind a field.
    InsertArg(Field, Template),
    /// Another text for a field.
    Replace(Field, Template),
    /// Without the field and the blanks before it.
    Delete(Field),
    /// Text before and behind a field.
    Wrap(Field, &'static str, &'static str),
    /// A command behind the last one of the RUN.
    AppendCommand(Template),
}

/// Reads the leading dotted number of a version: `3.11-slim` gives `[3, 11]`; a leading `v` is skipped.
pub fn version(text: &str) -> Option<Vec<u32>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number = text.get(..end)?.trim_end_matches('.');
    number.split('.').map(|part| part.parse().ok()).collect()
}
