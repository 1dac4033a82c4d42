//! What the string literals of sources name: files, environment variables, programs.

use super::calls::{Started, started};
use crate::context::manifests::is_manifest;
use crate::knowledge::ecosystem::{Ecosystem, Start};
use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;
use memchr::{memchr, memchr_iter, memchr3};
use std::cell::LazyCell;
use std::collections::HashMap;

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Relative to the context's root.
    pub path: String,
    /// From 1.
    pub line: usize,
}

/// What sources say.
#[derive(Debug, Default)]
pub struct Literals {
    /// Literals that may name a file or folder, as they are written but for a leading `./`, with
    /// where they first stand.
    pub names: HashMap<String, Seen>,
    /// Patterns and files that are taken into the program, relative to the context's root.
    pub embedded: Vec<String>,
    /// Environment variables.
    pub env: Vec<String>,
    /// Programs that are started.
    pub programs: Vec<(String, Seen)>,
    /// The first call that starts a program whose name only run time knows.
    pub unnamed: Option<(String, Seen)>,
    /// Paths that are written.
    pub written: Vec<(String, Seen)>,
    /// The first sign of TLS.
    pub tls: Option<(String, Seen)>,
    /// The first sign of time zones.
    pub zones: Option<(String, Seen)>,
}

/// The bytes that a reader of sources looks at; all others are passed over.
enum Stops {
    /// As many as can be looked for at once.
    Few(u8, u8, u8),
    Many(Vec<u8>),
}

impl Stops {
    fn of(comment: &str, quotes: &[u8]) -> Stops {
        let mut stops: Vec<u8> = comment.bytes().take(1).chain(quotes.iter().copied()).collect();
        if comment == "//" && quotes == b"\"" {
            // A character may be a quote.
            stops.push(b'\'');
        }
        match *stops.as_slice() {
            [a] => Stops::Few(a, a, a),
            [a, b] => Stops::Few(a, b, b),
            [a, b, c] => Stops::Few(a, b, c),
            _ => Stops::Many(stops),
        }
    }

    fn next(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Stops::Few(a, b, c) => memchr3(*a, *b, *c, bytes),
            Stops::Many(stops) => bytes.iter().position(|byte| stops.contains(byte)),
        }
    }
}

/// What stands before a literal of some kind, blanks at the end left out, with the end that is looked
/// at first: most marks are calls, and end with a bracket.
struct Marks(Vec<(Option<[u8; 2]>, &'static str)>);

/// The last two bytes.
fn end_of(text: &str) -> Option<[u8; 2]> {
    text.as_bytes().last_chunk().copied()
}

impl Marks {
    fn of(markers: &[&'static str]) -> Marks {
        let marks = markers.iter().map(|mark| mark.trim_end());
        Marks(marks.map(|mark| (end_of(mark), mark)).collect())
    }

    /// Those that end the text, each with what stands before it.
    fn ending<'t>(&self, text: &'t str) -> impl Iterator<Item = (&'static str, &'t str)> {
        let own = end_of(text);
        let marks = self.0.iter().filter(move |(end, _)| end.is_none() || *end == own);
        marks.filter_map(|(_, mark)| Some((*mark, text.strip_suffix(mark)?)))
    }

    /// Whether one of them ends the text.
    fn end(&self, text: &str) -> bool {
        self.ending(text).next().is_some()
    }
}

/// Lines of a text, counted as far as someone asked.
struct Lines<'t> {
    bytes: &'t [u8],
    counted: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line, from 1, that a byte stands in; it lies behind those asked for before.
    fn at(&mut self, byte: usize) -> usize {
        let between = self.bytes.get(self.counted..byte).unwrap_or_default();
        self.line += memchr_iter(b'\n', between).count();
        self.counted = byte.max(self.counted);
        self.line
    }
}

/// How the sources of an ecosystem are read, made once for all of them.
pub struct Reader {
    /// The ecosystem.
    pub ecosystem: &'static Ecosystem,
    stops: Stops,
    embeds: Marks,
    env: Marks,
    writes: Marks,
    /// Signs of TLS and, behind them, of time zones and of programs that are started; none where there are
    /// none to look for.
    signs: Option<AhoCorasick>,
}

impl Reader {
    /// The reader of an ecosystem's sources.
    pub fn of(ecosystem: &'static Ecosystem) -> Reader {
        let reads = &ecosystem.reads;
        let starts = reads.programs.iter().map(|start| start.call);
        let signs = || reads.tls.iter().chain(reads.zones).copied().chain(starts.clone());
        let automaton = || {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(signs())
        };
        Reader {
            ecosystem,
            stops: Stops::of(reads.comment.unwrap_or(NO_COMMENT), reads.quotes.as_bytes()),
            embeds: Marks::of(reads.embeds),
            env: Marks::of(reads.env),
            writes: Marks::of(reads.writes),
            signs: signs().next().and_then(|_| automaton().ok()),
        }
    }
}

/// Begins no comment of any source.
const NO_COMMENT: &str = "\0";

/// Literals above this length name no file.
const MAX_NAME: usize = 200;

/// Further calls of a file are not looked into.
const MAX_CALLS: usize = 500;

impl Literals {
    /// Reads a source file.
    pub fn read(&mut self, reader: &Reader, path: &str, text: &str) {
        let reads = &reader.ecosystem.reads;
        let folder = path.rsplit_once('/').map_or("", |(f, _)| f);
        let comment = reads.comment.unwrap_or(NO_COMMENT);
        let quotes = reads.quotes.as_bytes();
        let bytes = text.as_bytes();
        let opener = comment.as_bytes().first().copied();
        let mut lines = Lines {
            bytes,
            counted: 0,
            line: 1,
        };
        let mut calls = self.signs(reader, path, text);
        let name = path.rsplit('/').next().unwrap_or(path);
        if is_manifest(name) || reader.ecosystem.manifests.contains(&name) {
            // `build.rs`, `build.gradle.kts`: what builds start.
            calls.clear();
        }
        // What stands in comments and literals is no call.
        let mut pass = |from: usize, to: usize| {
            if !calls.is_empty() {
                calls.retain(|(at, _)| !(from..to).contains(at));
            }
        };
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(next) = reader.stops.next(rest) else { break };
            at += next;
            let Some(&byte) = bytes.get(at) else { break };
            let rest = bytes.get(at..).unwrap_or_default();
            if Some(byte) == opener && rest.starts_with(comment.as_bytes()) {
                let end = at + memchr(b'\n', rest).unwrap_or(rest.len());
                self.embed_line(text.get(at..end).unwrap_or_default(), folder);
                pass(at, end);
                at = end;
            } else if comment == "//" && rest.starts_with(b"/*") {
                let inside = bytes.get(at + 2..).unwrap_or_default();
                let end = memmem::find(inside, b"*/").map_or(bytes.len(), |end| at + 2 + end + 2);
                pass(at, end);
                at = end;
            } else if quotes.contains(&byte) {
                let start = at + 1;
                let end = closing(bytes, start, byte);
                if (1..=MAX_NAME).contains(&(end - start)) {
                    let literal = text.get(start..end).unwrap_or_default();
                    let before = text.get(..at).unwrap_or_default();
                    self.literal(reader, literal, before, path, folder, || lines.at(start));
                }
                pass(start, end);
                // An unclosed literal ends with its line.
                at = if bytes.get(end) == Some(&byte) { end + 1 } else { end };
            } else if byte == b'\'' {
                // A character, so that '"' opens nothing; Rust's lifetimes have no second quote near.
                at += match (bytes.get(at + 1), bytes.get(at + 2), bytes.get(at + 3)) {
                    (Some(b'\\'), _, Some(b'\'')) => 4,
                    (Some(_), Some(b'\''), _) => 3,
                    _ => 1,
                };
            } else {
                at += 1;
            }
        }
        let mut lines = Lines {
            bytes,
            counted: 0,
            line: 1,
        };
        for (count, (at, start)) in calls.into_iter().enumerate() {
            let line = lines.at(at);
            let seen = || Seen {
                path: path.to_owned(),
                line,
            };
            let found = match count {
                0..MAX_CALLS => started(reader.ecosystem.reads.programs, start, text, at + start.call.len()),
                _ => vec![Started::Unnamed],
            };
            for started in found {
                match started {
                    Started::Program(name) if self.programs.iter().all(|(known, _)| *known != name) => {
                        self.programs.push((name, seen()));
                    }
                    Started::Unnamed if self.unnamed.is_none() => {
                        self.unnamed = Some((start.call.trim_end_matches(['(', '{', ' ']).to_owned(), seen()));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Looks for the first signs of TLS and of time zones, and for calls that may start programs, with
    /// where they begin.
    fn signs(&mut self, reader: &Reader, path: &str, text: &str) -> Vec<(usize, &'static Start)> {
        let reads = &reader.ecosystem.reads;
        let bytes = text.as_bytes();
        let mut calls = Vec::new();
        for found in reader.signs.iter().flat_map(|signs| signs.find_iter(bytes)) {
            let sign = found.pattern().as_usize();
            let place = match sign.checked_sub(reads.tls.len()) {
                None => (&mut self.tls, reads.tls.get(sign)),
                Some(zone) if zone < reads.zones.len() => (&mut self.zones, reads.zones.get(zone)),
                Some(other) => {
                    let start = reads.programs.get(other - reads.zones.len());
                    calls.extend(
                        start
                            .filter(|start| is_call(text, found.start(), start))
                            .map(|s| (found.start(), s)),
                    );
                    continue;
                }
            };
            if let (place @ None, Some(marker)) = place {
                let above = bytes.get(..found.start()).unwrap_or_default();
                let seen = Seen {
                    path: path.to_owned(),
                    line: 1 + memchr_iter(b'\n', above).count(),
                };
                *place = Some((marker.trim_matches('"').to_owned(), seen));
            }
        }
        calls
    }

    /// Adds what later files say.
    pub fn extend(&mut self, later: Literals) {
        for (name, seen) in later.names {
            self.names.entry(name).or_insert(seen);
        }
        self.embedded.extend(later.embedded);
        for name in later.env {
            if !self.env.contains(&name) {
                self.env.push(name);
            }
        }
        for (program, seen) in later.programs {
            if !self.programs.iter().any(|(known, _)| *known == program) {
                self.programs.push((program, seen));
            }
        }
        self.unnamed = self.unnamed.take().or(later.unnamed);
        self.written.extend(later.written);
        self.tls = self.tls.take().or(later.tls);
        self.zones = self.zones.take().or(later.zones);
    }

    fn embed_line(&mut self, comment: &str, folder: &str) {
        if let Some(patterns) = comment.strip_prefix("//go:embed ") {
            for pattern in patterns.split_whitespace() {
                let pattern = pattern.trim_matches(['"', '`']).trim_start_matches("all:");
                self.embedded.push(join(folder, pattern));
            }
        }
    }

    fn literal(
        &mut self,
        reader: &Reader,
        literal: &str,
        before: &str,
        path: &str,
        folder: &str,
        line: impl FnOnce() -> usize,
    ) {
        let line = LazyCell::new(line);
        let seen = || Seen {
            path: path.to_owned(),
            line: *line,
        };
        // Arguments may begin on the next line, or behind a raw or byte string's letter.
        let before = before.trim_end_matches(['r', 'b', '#', 'L', '&', '@']).trim_end();
        if reader.embeds.end(before) {
            self.embedded.push(join(folder, literal));
            self.embedded.push(literal.trim_start_matches("./").to_owned());
            return;
        }
        if reader.env.end(before) {
            if !self.env.iter().any(|known| known == literal) {
                self.env.push(literal.to_owned());
            }
            return;
        }
        if reader.writes.end(before) {
            self.written.push((literal.to_owned(), seen()));
        }
        let (mut blank, mut slash) = (false, false);
        for byte in literal.bytes() {
            if is_odd(byte) {
                return;
            }
            blank |= byte == b' ';
            slash |= byte == b'/';
        }
        if blank && !slash || slash && literal.contains("://") {
            return;
        }
        let mut name = literal;
        while let Some(rest) = name.strip_prefix("./") {
            name = rest;
        }
        // Most literals stand in many places.
        if !name.is_empty() && !self.names.contains_key(name) {
            self.names.insert(name.to_owned(), seen());
        }
    }
}

/// Whether what stands at `at` calls what starts programs: it is no end of a longer name and no method of
/// something else, as in `pattern.exec(text)`, and is not made there.
fn is_call(text: &str, at: usize, start: &Start) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let joined = |c: char| c.is_alphanumeric() || c == '_';
    let made = ["def ", "function ", "func ", "fn ", "fun "];
    let longer = start.call.starts_with(joined) && before.ends_with(joined);
    let other =
        before.ends_with("->") || start.bare && before.ends_with('.') || made.iter().any(|word| before.ends_with(word));
    let with = start.with.map(|with| memmem::find(text.as_bytes(), with.as_bytes()));
    !longer && !other && with.is_none_or(|found| found.is_some())
}

/// Whether a byte stands in no path that anyone writes.
fn is_odd(byte: u8) -> bool {
    byte.is_ascii_control() || matches!(byte, b'<' | b'>' | b'|' | b'"' | b';' | b'=' | b'(' | b')' | b'\\')
}

fn join(folder: &str, name: &str) -> String {
    let joined = crate::config::glob::clean(&format!("/{folder}/{name}"));
    joined.trim_start_matches('/').to_owned()
}

/// Where a literal that begins at `start` ends: at its quote, or with the line or the text.
pub(super) fn closing(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = match quote {
            // Go's raw strings and JavaScript's templates go over lines.
            b'`' => memchr(quote, rest),
            _ => memchr3(quote, b'\\', b'\n', rest),
        };
        let Some(found) = found else { return bytes.len() };
        at += found;
        if bytes.get(at) != Some(&b'\\') {
            return at;
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::ecosystem::by_name;

    fn read(ecosystem: &str, text: &str) -> Literals {
        let mut found = Literals::default();
        found.read(&Reader::of(by_name(ecosystem).expect("known")), "cmd/main.x", text);
        found
    }

    #[test]
    fn go_literals() {
        let found = read(
            "go",
            "package main\n//go:embed all:static \"t/*.html\"\nvar f embed.FS // \"no\"\n/* \"no\" */\nvar q = '\"'\nx := os.Getenv(\"PORT\") + `a\nb`\nexec.Command(\"git\", \"log\")\nos.Open(\"./data/x.json\")\nhttp.Get(\"https://a\")\nos.MkdirAll(\"out\", 0)\n",
        );
        assert_eq!(found.embedded, ["cmd/static", "cmd/t/*.html"]);
        assert_eq!(found.env, ["PORT"]);
        assert_eq!(found.programs[0].0, "git");
        assert_eq!(found.names.get("data/x.json").map(|s| s.line), Some(9));
        assert_eq!(found.written[0].0, "out");
        assert!(found.tls.is_some() && found.zones.is_none());
        assert!(!found.names.contains_key("no"));
    }

    #[test]
    fn what_builds_start_is_not_started_at_run_time() {
        let mut found = Literals::default();
        let rust = Reader::of(by_name("rust").expect("known"));
        let text = "use std::process::Command;\nfn main() { Command::new(\"git\"); Command::new(x()); }";
        found.read(&rust, "build.rs", text);
        assert!(found.programs.is_empty() && found.unnamed.is_none());
        found.read(&rust, "src/build.rs2", text);
        assert_eq!(found.programs[0].0, "git");
        assert_eq!(found.unnamed.map(|(_, seen)| seen.line), Some(2));
    }

    #[test]
    fn rust_literals() {
        let found = read(
            "rust",
            "fn f<'a>(x: &'a str) { let q = '\"'; let a = include_str!(\"../a.txt\"); env::var(\"HOME\"); std::fs::read(r\"conf.toml\") }\n#[folder = \"web/\"]\nstruct S;",
        );
        assert_eq!(found.embedded, ["a.txt", "../a.txt", "cmd/web", "web/"]);
        assert_eq!(found.env, ["HOME"]);
        assert!(found.names.contains_key("conf.toml"));
    }
}
