//! What the string literals of sources name: files, environment variables, programs.

use crate::knowledge::ecosystem::Ecosystem;
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
    /// Paths that are written.
    pub written: Vec<(String, Seen)>,
    /// The first sign of TLS.
    pub tls: Option<(String, Seen)>,
    /// The first sign of time zones.
    pub zones: Option<(String, Seen)>,
}

/// The bytes that a reader of sources looks at.
struct Stops([bool; 256]);

impl Stops {
    fn of(comment: &str, quotes: &[u8]) -> Stops {
        let mut stops = [false; 256];
        let own = [b'\n', b'/', b'\''];
        for byte in own.iter().chain(quotes).chain(comment.as_bytes().first()) {
            if let Some(stop) = stops.get_mut(usize::from(*byte)) {
                *stop = true;
            }
        }
        Stops(stops)
    }

    fn at(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

/// Literals above this length name no file.
const MAX_NAME: usize = 200;

impl Literals {
    /// Reads a source file.
    pub fn read(&mut self, ecosystem: &Ecosystem, path: &str, text: &str) {
        let reads = &ecosystem.reads;
        let folder = path.rsplit_once('/').map_or("", |(f, _)| f);
        let comment = reads.comment.unwrap_or("\0");
        let quotes = reads.quotes.as_bytes();
        let bytes = text.as_bytes();
        let stops = Stops::of(comment, quotes);
        let mut at = 0;
        let mut line = 1;
        loop {
            // Most of a source is neither.
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(next) = rest.iter().position(|byte| stops.at(*byte)) else {
                break;
            };
            at += next;
            let Some(&byte) = bytes.get(at) else { break };
            if byte == b'\n' {
                line += 1;
                at += 1;
            } else if byte == comment.as_bytes().first().copied().unwrap_or_default()
                && bytes.get(at..).is_some_and(|rest| rest.starts_with(comment.as_bytes()))
            {
                let end = rest_of_line(bytes, at);
                self.embed_line(text.get(at..end).unwrap_or_default(), folder);
                at = end;
            } else if byte == b'/' && bytes.get(at + 1) == Some(&b'*') && comment == "//" {
                let close = text
                    .get(at + 2..)
                    .and_then(|t| t.find("*/"))
                    .map_or(bytes.len(), |e| at + 2 + e + 2);
                line += text
                    .get(at..close)
                    .map_or(0, |t| t.bytes().filter(|b| *b == b'\n').count());
                at = close;
            } else if quotes.contains(&byte) {
                let start = at + 1;
                let raw = byte == b'`';
                let mut end = start;
                while let Some(&b) = bytes.get(end) {
                    if b == byte || b == b'\n' && !raw {
                        break;
                    }
                    end += if b == b'\\' && !raw { 2 } else { 1 };
                }
                let end = end.min(bytes.len());
                let literal = text.get(start..end).unwrap_or_default();
                self.literal(
                    ecosystem,
                    literal,
                    text.get(..at).unwrap_or_default(),
                    path,
                    folder,
                    line,
                );
                line += literal.bytes().filter(|b| *b == b'\n').count();
                // An unclosed literal ends with its line.
                at = if bytes.get(end) == Some(&byte) { end + 1 } else { end };
            } else if byte == b'\'' && comment == "//" && quotes == b"\"" {
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
        let seen = |marker: &str| {
            let at = memchr::memmem::find(bytes, marker.as_bytes())?;
            let line = 1 + text.get(..at)?.bytes().filter(|b| *b == b'\n').count();
            Some((
                marker.trim_matches('"').to_owned(),
                Seen {
                    path: path.to_owned(),
                    line,
                },
            ))
        };
        if self.tls.is_none() {
            self.tls = reads.tls.iter().find_map(|m| seen(m));
        }
        if self.zones.is_none() {
            self.zones = reads.zones.iter().find_map(|m| seen(m));
        }
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

    fn literal(&mut self, ecosystem: &Ecosystem, literal: &str, before: &str, path: &str, folder: &str, line: usize) {
        if literal.is_empty() || literal.len() > MAX_NAME {
            return;
        }
        let reads = &ecosystem.reads;
        let seen = || Seen {
            path: path.to_owned(),
            line,
        };
        // Arguments may begin on the next line, or behind a raw or byte string's letter.
        let before = before.trim_end_matches(['r', 'b', '#', 'L', '&', '@']).trim_end();
        let last = before.as_bytes().last();
        let is = |markers: &[&str]| {
            markers.iter().any(|m| {
                let m = m.trim_end();
                m.as_bytes().last() == last && before.ends_with(m)
            })
        };
        if is(reads.embeds) {
            self.embedded.push(join(folder, literal));
            self.embedded.push(literal.trim_start_matches("./").to_owned());
            return;
        }
        if is(reads.env) {
            if !self.env.iter().any(|known| known == literal) {
                self.env.push(literal.to_owned());
            }
            return;
        }
        // `$db->exec("CREATE TABLE x")` is a method of something else.
        let is_called = |markers: &[&str]| {
            markers.iter().any(|m| {
                let Some(above) = before.strip_suffix(m.trim_end()) else {
                    return false;
                };
                let joined = |c: char| c.is_alphanumeric() || c == '_';
                !above.ends_with("->") && !(m.starts_with(joined) && above.ends_with(joined))
            })
        };
        if is(reads.programs) && is_called(reads.programs) {
            let program = literal.split_whitespace().next().unwrap_or(literal);
            if !self.programs.iter().any(|(known, _)| known == program) {
                self.programs.push((program.to_owned(), seen()));
            }
        }
        if is(reads.writes) {
            self.written.push((literal.to_owned(), seen()));
        }
        let odd =
            |b: u8| b.is_ascii_control() || matches!(b, b'<' | b'>' | b'|' | b'"' | b';' | b'=' | b'(' | b')' | b'\\');
        let (mut blank, mut slash) = (false, false);
        for byte in literal.bytes() {
            if odd(byte) {
                return;
            }
            blank |= byte == b' ';
            slash |= byte == b'/';
        }
        if blank && !slash || slash && literal.contains("://") {
            return;
        }
        let name = literal.trim_start_matches("./");
        // Most literals stand in many places.
        if !name.is_empty() && !self.names.contains_key(name) {
            self.names.insert(name.to_owned(), seen());
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    let joined = crate::config::glob::clean(&format!("/{folder}/{name}"));
    joined.trim_start_matches('/').to_owned()
}

fn rest_of_line(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::ecosystem::by_name;

    fn read(ecosystem: &str, text: &str) -> Literals {
        let mut found = Literals::default();
        found.read(by_name(ecosystem).expect("known"), "cmd/main.x", text);
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
