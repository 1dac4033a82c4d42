//! Variable expansion and quote removal as BuildKit does them.
//!
//! The rules are those of BuildKit's own little shell lexer, not of a shell: no globbing, no
//! command substitution, `\` (or `` ` ``) escapes anything outside quotes, and within double quotes
//! only `"`, `$` and itself.

use super::pattern;
use super::quote::quoted;
use super::words::Word;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// Variables that a word can refer to.
pub trait Env {
    /// The variable's value, `None` where it is not set.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;
    /// All names that are set, for suggestions.
    fn names(&self) -> Vec<String>;
}

/// An environment in which nothing is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEnv;

impl Env for NoEnv {
    fn get(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What the expansion leaves as it is. The default takes quotes and escapes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Keep quotes in the result.
    pub raw_quotes: bool,
    /// Keep escape characters in the result.
    pub raw_escapes: bool,
    /// Keep references to variables that are not set.
    pub skip_unset: bool,
    /// Take quotes as ordinary characters.
    pub skip_quotes: bool,
}

/// A word with its variables put in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expansion {
    /// The resulting text.
    pub value: String,
    /// Variables that were looked up and are set; each once, in the order of their first use.
    pub used: Vec<String>,
    /// Variables that were looked up and are not set; each once, in the order of their first use.
    pub unset: Vec<String>,
}

/// Why a word cannot be expanded; BuildKit fails with the same message in substance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {}: {reason}", quoted(word))]
pub struct ExpandError {
    /// The word.
    pub word: String,
    /// What is wrong with it.
    pub reason: String,
}

/// How a reference treats a variable that is not set or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    /// `$x`, `${x}`.
    None,
    /// `${x:-y}`, `${x-y}`.
    Default,
    /// `${x:+y}`, `${x+y}`.
    Alternative,
    /// `${x:?e}`, `${x?e}`.
    Required,
    /// `${x#p}`, `${x##p}`, `${x%p}`, `${x%%p}`.
    Trim,
    /// `${x/p/r}`, `${x//p/r}`.
    Replace,
}

/// A variable named in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The variable.
    pub name: String,
    /// From the `$` to the end of the reference, in bytes of the word's value.
    pub range: Range<usize>,
    /// What the reference does beyond naming the variable.
    pub modifier: Modifier,
}

/// Expands `text` to one value.
pub fn word(text: &str, env: &dyn Env, escape: char, options: Options) -> Result<Expansion, ExpandError> {
    let mut lexer = Lexer::new(text, env, escape, options);
    let value = lexer
        .run(None, options.raw_escapes, &mut None)
        .map_err(|e| e.of(text))?;
    Ok(Expansion {
        value,
        used: lexer.used,
        unset: lexer.unset,
    })
}

/// Expands `text` and splits the result at blanks that are not quoted.
pub fn words(text: &str, env: &dyn Env, escape: char, options: Options) -> Result<Vec<String>, ExpandError> {
    let mut lexer = Lexer::new(text, env, escape, options);
    let mut list = Some(List::default());
    lexer
        .run(None, options.raw_escapes, &mut list)
        .map_err(|e| e.of(text))?;
    Ok(list.unwrap_or_default().words)
}

/// The variables that a word names, nested ones included, ordered by where they begin. A word that
/// cannot be expanded gives those before its error.
pub fn references(word: &Word, escape: char) -> Vec<Reference> {
    references_in(&word.value, escape)
}

/// [`references`] of a plain text.
pub fn references_in(text: &str, escape: char) -> Vec<Reference> {
    if !text.contains('$') {
        return Vec::new();
    }
    let options = Options {
        skip_unset: true,
        ..Options::default()
    };
    let mut lexer = Lexer::new(text, &NoEnv, escape, options);
    lexer.references = Some(Vec::new());
    // An error only ends the list early.
    let _ = lexer.run(None, false, &mut None);
    let mut found = lexer.references.unwrap_or_default();
    found.sort_by_key(|r| r.range.start);
    found
}

/// How deep `${a:-${b:-...}}` may nest; BuildKit knows no limit, a file of sense stays far below.
const MAX_DEPTH: usize = 64;

/// A failure before it is told of which word.
struct Failure(String);

impl Failure {
    fn new(reason: impl Into<String>) -> Self {
        Failure(reason.into())
    }

    fn of(self, word: &str) -> ExpandError {
        ExpandError {
            word: word.to_owned(),
            reason: self.0,
        }
    }
}

/// The words split off so far, on the outermost level only.
#[derive(Default)]
struct List {
    words: Vec<String>,
    inside: bool,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    env: &'a dyn Env,
    escape: char,
    options: Options,
    raw_escapes: bool,
    depth: usize,
    /// The word being collected. A nested substitution clears it, as it does in BuildKit, where all
    /// levels share one buffer.
    current: String,
    used: Vec<String>,
    unset: Vec<String>,
    /// Names that are in `used` or `unset`.
    seen: HashSet<&'a str>,
    references: Option<Vec<Reference>>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str, env: &'a dyn Env, escape: char, options: Options) -> Self {
        Lexer {
            text,
            // Go's scanner skips a byte-order mark.
            at: if text.starts_with('\u{feff}') { 3 } else { 0 },
            env,
            escape,
            options,
            raw_escapes: options.raw_escapes,
            depth: 0,
            current: String::new(),
            used: Vec::new(),
            unset: Vec::new(),
            seen: HashSet::new(),
            references: None,
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Reads up to `stop`, or to the end where there is none. With a list, words are split off.
    fn run(&mut self, stop: Option<char>, raw_escapes: bool, list: &mut Option<List>) -> Result<String, Failure> {
        if self.depth > MAX_DEPTH {
            return Err(Failure::new("substitutions are nested too deeply"));
        }
        self.depth += 1;
        let before = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let result = self.run_level(stop, list);
        self.raw_escapes = before;
        self.depth -= 1;
        result
    }

    fn run_level(&mut self, stop: Option<char>, list: &mut Option<List>) -> Result<String, Failure> {
        self.current.clear();
        let mut result = String::new();
        while let Some(c) = self.peek() {
            if stop == Some(c) {
                self.next();
                self.finish(list);
                return Ok(result);
            }
            match c {
                '$' => {
                    let value = self.dollar()?;
                    for c in value.chars() {
                        self.add(list, c);
                    }
                    result.push_str(&value);
                }
                '\'' if !self.options.skip_quotes => {
                    let value = self.single_quotes()?;
                    self.add_raw(list, &value);
                    result.push_str(&value);
                }
                '"' if !self.options.skip_quotes => {
                    let value = self.double_quotes()?;
                    self.add_raw(list, &value);
                    result.push_str(&value);
                }
                '<' => {
                    let value = self.less_than();
                    self.add_raw(list, value);
                    result.push_str(value);
                }
                c if c == self.escape => {
                    self.next();
                    if self.raw_escapes {
                        self.add_raw(list, c.encode_utf8(&mut [0; 4]));
                        result.push(c);
                    }
                    let Some(c) = self.next() else { break };
                    self.add_raw(list, c.encode_utf8(&mut [0; 4]));
                    result.push(c);
                }
                c => {
                    self.next();
                    self.add(list, c);
                    result.push(c);
                }
            }
        }
        if let Some(stop) = stop {
            return Err(Failure(format!(
                "unexpected end of statement while looking for matching {stop}"
            )));
        }
        self.finish(list);
        Ok(result)
    }

    /// A character that ends a word if it is blank.
    fn add(&mut self, list: &mut Option<List>, c: char) {
        let Some(list) = list else { return };
        if !c.is_whitespace() {
            self.current.push(c);
            list.inside = true;
        } else if list.inside && !self.current.is_empty() {
            list.words.push(std::mem::take(&mut self.current));
            list.inside = false;
        }
    }

    /// Text that belongs to the word, blanks and all.
    fn add_raw(&mut self, list: &mut Option<List>, text: &str) {
        if let Some(list) = list {
            self.current.push_str(text);
            list.inside = true;
        }
    }

    fn finish(&mut self, list: &mut Option<List>) {
        if let Some(list) = list
            && !self.current.is_empty()
        {
            list.words.push(std::mem::take(&mut self.current));
            list.inside = false;
        }
    }

    fn single_quotes(&mut self) -> Result<String, Failure> {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let Some(len) = rest.find('\'') else {
            self.at = self.text.len();
            return Err(Failure::new(
                "unexpected end of statement while looking for matching single-quote",
            ));
        };
        self.at += len + 2;
        let inner = rest.get(..len).unwrap_or_default();
        Ok(if self.options.raw_quotes {
            format!("'{inner}'")
        } else {
            inner.to_owned()
        })
    }

    fn double_quotes(&mut self) -> Result<String, Failure> {
        self.next();
        let mut result = String::new();
        if self.options.raw_quotes {
            result.push('"');
        }
        loop {
            match self.peek() {
                None => {
                    return Err(Failure::new(
                        "unexpected end of statement while looking for matching double-quote",
                    ));
                }
                Some('"') => {
                    self.next();
                    if self.options.raw_quotes {
                        result.push('"');
                    }
                    return Ok(result);
                }
                Some('$') => result.push_str(&self.dollar()?),
                Some(c) if c == self.escape => {
                    self.next();
                    if self.raw_escapes {
                        result.push(c);
                    }
                    match self.peek() {
                        None => {}
                        Some(next) if next == '"' || next == '$' || next == self.escape => {
                            self.next();
                            result.push(next);
                        }
                        // Nothing to escape: the escape character stays (and is then doubled
                        // where escapes are kept).
                        Some(_) => result.push(c),
                    }
                }
                Some(c) => {
                    self.next();
                    result.push(c);
                }
            }
        }
    }

    /// `<`, or `<<` with the blanks behind it, which do not end a word.
    fn less_than(&mut self) -> &'a str {
        let start = self.at;
        self.next();
        if self.peek() == Some('<') {
            self.next();
            while matches!(self.peek(), Some('\t' | '\r' | ' ')) {
                self.next();
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn dollar(&mut self) -> Result<String, Failure> {
        let start = self.at;
        self.next();
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            self.refer(name, start, Modifier::None);
            return Ok(match self.look_up(name) {
                Some(value) => value,
                None if self.options.skip_unset => format!("${name}"),
                None => String::new(),
            });
        }
        self.next();
        match self.peek() {
            None => return Err(Failure::new("syntax error: missing '}'")),
            Some('{' | '}' | ':') => return Err(Failure::new("syntax error: bad substitution")),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            Some('}') => {
                self.refer(name, start, Modifier::None);
                Ok(match self.look_up(name) {
                    Some(value) => value,
                    None if self.options.skip_unset => format!("${{{name}}}"),
                    None => String::new(),
                })
            }
            Some(':') => {
                let modifier = self.next();
                self.modified(name, start, modifier, true)
            }
            Some(c @ ('+' | '-' | '?' | '#' | '%')) => self.modified(name, start, Some(c), false),
            Some('/') => self.replaced(name, start),
            other => Err(unsupported("", other)),
        }
    }

    /// `${name` and a modifier were read; `colon` says whether an empty value counts as not set.
    fn modified(
        &mut self,
        name: &'a str,
        start: usize,
        modifier: Option<char>,
        colon: bool,
    ) -> Result<String, Failure> {
        let prefix = if colon { ":" } else { "" };
        let trims = matches!(modifier, Some('#' | '%'));
        if colon && trims {
            return Err(unsupported(prefix, modifier));
        }
        let mut word = self.until('}', trims, "syntax error: missing '}'")?;
        self.refer(
            name,
            start,
            match modifier {
                Some('-') => Modifier::Default,
                Some('+') => Modifier::Alternative,
                Some('?') => Modifier::Required,
                Some('#' | '%') => Modifier::Trim,
                _ => Modifier::None,
            },
        );
        let value = self.look_up(name);
        if self.options.skip_unset && value.is_none() {
            let modifier = modifier.unwrap_or(char::REPLACEMENT_CHARACTER);
            return Ok(format!("${{{name}{prefix}{modifier}{word}}}"));
        }
        let counts = value.as_deref().is_some_and(|v| !(colon && v.is_empty()));
        match modifier {
            Some('-') => Ok(if counts { value.unwrap_or_default() } else { word }),
            Some('+') => Ok(if counts { word } else { String::new() }),
            Some('?') if counts => Ok(value.unwrap_or_default()),
            Some('?') => {
                let state = if value.is_none() {
                    "is not allowed to be unset"
                } else {
                    "is not allowed to be empty"
                };
                let message = if word.is_empty() { state } else { word.as_str() };
                Err(Failure(format!("{name}: {message}")))
            }
            Some(c @ ('#' | '%')) => {
                let greedy = word.starts_with(c);
                if greedy {
                    word.remove(0);
                }
                let value = value.unwrap_or_default();
                let trimmed = if c == '#' {
                    pattern::trim_prefix(&word, &value, greedy)
                } else {
                    pattern::trim_suffix(&word, &value, greedy)
                };
                trimmed.map_err(|e| {
                    // BuildKit names the suffix as it searches for it: turned round.
                    Failure(format!("invalid pattern ({word}) in substitution: {e}"))
                })
            }
            other => Err(unsupported(prefix, other)),
        }
    }

    /// `${name/` was read.
    fn replaced(&mut self, name: &'a str, start: usize) -> Result<String, Failure> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let searched = self.until('/', true, "syntax error: missing '/' in ${}")?;
        let replacement = self.until('}', true, "syntax error: missing '}'")?;
        self.refer(name, start, Modifier::Replace);
        let value = self.look_up(name);
        if self.options.skip_unset && value.is_none() {
            return Ok(format!("${{{name}/{searched}/{replacement}}}"));
        }
        pattern::replace(&searched, &value.unwrap_or_default(), &replacement, all)
            .map_err(|e| Failure(format!("invalid pattern ({searched}) in substitution: {e}")))
    }

    /// A nested word. Any error at the end of the text is told as `at_end`.
    fn until(&mut self, stop: char, raw_escapes: bool, at_end: &str) -> Result<String, Failure> {
        let result = self.run(Some(stop), raw_escapes, &mut None);
        match result {
            Err(_) if self.peek().is_none() => Err(Failure::new(at_end)),
            other => other,
        }
    }

    /// A variable's name: digits, one special character, or letters, digits and `_`.
    fn name(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = match rest.chars().next() {
            Some(c) if is_digit(c) => rest.find(|c| !is_digit(c)).unwrap_or(rest.len()),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => 1,
            Some(_) => rest
                .find(|c: char| !(is_letter(c) || is_digit(c) || c == '_'))
                .unwrap_or(rest.len()),
            None => 0,
        };
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn look_up(&mut self, name: &'a str) -> Option<String> {
        let value = self.env.get(name).map(Cow::into_owned);
        if self.seen.insert(name) {
            let names = if value.is_some() {
                &mut self.used
            } else {
                &mut self.unset
            };
            names.push(name.to_owned());
        }
        value
    }

    fn refer(&mut self, name: &str, start: usize, modifier: Modifier) {
        if let Some(references) = &mut self.references {
            references.push(Reference {
                name: name.to_owned(),
                range: start..self.at,
                modifier,
            });
        }
    }
}

fn unsupported(prefix: &str, modifier: Option<char>) -> Failure {
    let modifier = modifier.unwrap_or(char::REPLACEMENT_CHARACTER);
    Failure(format!("unsupported modifier ({prefix}{modifier}) in substitution"))
}

/// Unicode's decimal digits; beyond ASCII the numeric characters that are no letters come close.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric() && !c.is_alphabetic())
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

#[cfg(test)]
mod tests;
