//! Which programs a call starts: its arguments are read as far as literals, constants of the same file
//! and lists of them tell. What is not told is said to be unknown, never guessed.

use super::literals::closing;
use crate::knowledge::ecosystem::Start;
use crate::plan::runtime::is_shell;
use crate::shell::{self, Dialect};
use crate::source::Span;
use memchr::memmem;
use std::cell::Cell;

/// What a call starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Started {
    /// A program, by its name or path.
    Program(String),
    /// One that only run time knows.
    Unnamed,
}

/// Stands for what only run time knows.
const UNKNOWN: char = '\0';
/// Stands for the program itself, and for what is looked at elsewhere.
const OWN_PROGRAM: &str = "\u{1}";
/// So many arguments are looked at.
const ARGUMENTS: usize = 12;
/// Lists, calls and constants are followed so far.
const DEPTH: usize = 6;
/// So many words are looked at for a call, each look-up of a constant counting for several.
const BUDGET: usize = 240;
const LOOK_UP: usize = 20;
/// An argument that is not understood is passed over so far, in bytes.
const PASSED: usize = 4096;
/// So many places where a name stands are looked at.
const PLACES: usize = 200;

/// What the call whose arguments begin at `at` starts.
pub(super) fn started(known: &'static [Start], start: &Start, text: &str, at: usize) -> Vec<Started> {
    if let Some(program) = start.program {
        return vec![Started::Program(program.to_owned())];
    }
    let source = Source {
        known,
        text,
        bytes: text.as_bytes(),
        budget: Cell::new(BUDGET),
    };
    let mut arguments = Vec::new();
    let mut at = at;
    for _ in 0..start.at {
        at = source.expression(at, 0, &mut Vec::new());
        if source.byte(at) == Some(b',') {
            at += 1;
        }
    }
    let end = source.list(at, 0, &mut arguments);
    let Some(first) = arguments.first().cloned() else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for option in first.0.iter().filter(|option| *option != OWN_PROGRAM) {
        let option = normal(option);
        let is_script = start.script || option.trim().contains(char::is_whitespace);
        if is_script {
            script(&option, &mut out);
            continue;
        }
        let found = named(&option);
        let shell = matches!(&found, Some(Started::Program(name)) if is_shell(name));
        out.extend(found);
        if shell {
            source.chained(end, &mut arguments);
            scripts(arguments.get(1..).unwrap_or_default(), &mut out);
        }
    }
    out
}

/// An argument: what it may be.
#[derive(Debug, Clone)]
struct Argument(Vec<String>);

impl Argument {
    fn unknown() -> Argument {
        Argument(vec![UNKNOWN.to_string()])
    }
}

/// What is put into literals at run time, as [`UNKNOWN`]: `${x}`, `#{x}`, `{}`, `%s`, `$x`.
fn normal(literal: &str) -> String {
    let mut out = String::with_capacity(literal.len());
    let mut rest = literal.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek().copied()) {
            ('$' | '#', Some('{')) => {}
            ('{', _) => {
                while rest.next().is_some_and(|c| c != '}') {}
                out.push(UNKNOWN);
            }
            ('%', Some(next)) if next.is_ascii_alphanumeric() => {
                rest.next();
                out.push(UNKNOWN);
            }
            ('$', Some(next)) if next.is_ascii_alphabetic() || next == '_' => {
                while rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_').is_some() {}
                out.push(UNKNOWN);
            }
            ('\\', Some(next @ ('"' | '\'' | '\\'))) => {
                rest.next();
                out.push(next);
            }
            ('\\', Some('n' | 't')) => {
                rest.next();
                out.push(' ');
            }
            _ => out.push(c),
        }
    }
    out
}

/// The program of a word; none where there is no word.
fn named(word: &str) -> Option<Started> {
    let word = word.trim();
    let own = word.rsplit('/').next().unwrap_or(word);
    if word.is_empty() {
        return None;
    }
    Some(if own.contains(UNKNOWN) || own.is_empty() || word.starts_with('-') {
        Started::Unnamed
    } else if word.contains(UNKNOWN) || is_system(word) {
        Started::Program(own.to_owned())
    } else {
        Started::Program(word.to_owned())
    })
}

/// Whether a path is one of the folders that the system's programs lie in.
fn is_system(path: &str) -> bool {
    let folders = [
        "/bin",
        "/sbin",
        "/usr/bin",
        "/usr/sbin",
        "/usr/local/bin",
        "/usr/local/sbin",
    ];
    path.rsplit_once('/')
        .is_some_and(|(folder, _)| folders.contains(&folder))
}

/// The scripts among the arguments of a shell.
fn scripts(arguments: &[Argument], out: &mut Vec<Started>) {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        for option in &argument.0 {
            let option = normal(option);
            let Some(flags) = option.strip_prefix(['-', '/']) else {
                if option.contains(UNKNOWN) {
                    out.push(Started::Unnamed);
                }
                // A file that it runs.
                return;
            };
            let (flags, rest) = flags.split_once(' ').unwrap_or((flags, ""));
            if flags.starts_with('-') || !flags.contains('c') {
                continue;
            }
            match arguments.next() {
                // All in one string.
                _ if !rest.is_empty() => script(rest.trim().trim_matches(['"', '\'']), out),
                Some(next) => next.0.iter().for_each(|text| script(&normal(text), out)),
                None => out.push(Started::Unnamed),
            }
            return;
        }
    }
}

/// The programs of a script.
fn script(text: &str, out: &mut Vec<Started>) {
    let text = text.replace(UNKNOWN, "${unknown}");
    let parsed = shell::heredoc_script(&text, Span::new(0, text.len()), &Dialect::Posix);
    let before = out.len();
    for command in &parsed.commands {
        let inner = command.effective();
        for name in [&command.name, inner.name] {
            let name = name.text.as_str();
            if name.is_empty() || shell::is_builtin(name) {
                continue;
            }
            let found = match name.contains('$') {
                true => named(&name.replace("${unknown}", &UNKNOWN.to_string())),
                false => named(name),
            };
            let found = found.filter(|f| !matches!(f, Started::Program(p) if p.contains('$')));
            if let Some(found) = found.filter(|f| !out.contains(f)) {
                out.push(found);
            }
        }
    }
    if out.len() == before && parsed.has_error {
        out.push(Started::Unnamed);
    }
}

/// Calls whose arguments are a list.
const LISTS: [&str; 9] = [
    "of",
    "asList",
    "listOf",
    "arrayOf",
    "mutableListOf",
    "arrayListOf",
    "vec!",
    "ArrayList",
    "List",
];
/// Calls that give what their first argument is.
const SAME: [&str; 17] = [
    "Sprintf",
    "sprintf",
    "format",
    "format!",
    "from",
    "LookPath",
    "which",
    "find_executable",
    "str",
    "string",
    "String",
    "to_charlist",
    "String.to_charlist",
    "c_str",
    "OsStr",
    "f",
    "Sprint",
];
/// Calls that join paths.
const JOINED: [&str; 5] = ["Join", "join", "Combine", "get", "resolve"];
/// What names the program itself.
const OWN: [&str; 7] = [
    "Executable",
    "current_exe",
    "executable",
    "execPath",
    "env!",
    "crate_name!",
    "ProcessPath",
];

/// A source file.
struct Source<'t> {
    /// The calls that start programs.
    known: &'static [Start],
    text: &'t str,
    bytes: &'t [u8],
    /// How many words may still be looked at.
    budget: Cell<usize>,
}

impl<'t> Source<'t> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Takes this much of the budget; false where it is used up.
    fn may(&self, cost: usize) -> bool {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(cost));
        left >= cost
    }

    fn starts(&self, at: usize, with: &str) -> bool {
        self.bytes
            .get(at..)
            .is_some_and(|rest| rest.starts_with(with.as_bytes()))
    }

    fn blanks(&self, mut at: usize) -> usize {
        while self.byte(at).is_some_and(|b| b.is_ascii_whitespace() || b == b'\\') {
            at += 1;
        }
        at
    }

    /// Reads arguments up to the bracket that closes them; gives where it goes on.
    fn list(&self, at: usize, depth: usize, out: &mut Vec<Argument>) -> usize {
        let mut at = self.blanks(at);
        while let Some(byte) = self.byte(at) {
            match byte {
                b')' | b']' | b'}' => return at + 1,
                b';' => return at,
                b',' => at += 1,
                _ => at = self.expression(at, depth, out).max(at + 1),
            }
            if out.len() > ARGUMENTS || depth > DEPTH {
                return at;
            }
            at = self.blanks(at);
        }
        at
    }

    /// Reads an argument; a list gives all of its own.
    fn expression(&self, at: usize, depth: usize, out: &mut Vec<Argument>) -> usize {
        let mut at = self.blanks(at);
        let mut terms: Vec<Argument> = Vec::new();
        loop {
            let mut spread = Vec::new();
            let (end, is_list) = self.term(at, depth, &mut spread);
            if is_list && terms.is_empty() {
                out.append(&mut spread);
                return self.beyond(end);
            }
            terms.push(spread.into_iter().next().unwrap_or_else(Argument::unknown));
            at = self.blanks(end);
            match self.byte(at) {
                // Haskell's arguments stand behind each other.
                None | Some(b',' | b')' | b']' | b'}' | b';' | b'[') => break,
                // Joined: `"a" + b`, `"a" . b`, `"a" <> b`, `"a" "b"`.
                Some(b'+' | b'.') => at = self.blanks(at + 1),
                Some(b'<') if self.byte(at + 1) == Some(b'>') => at = self.blanks(at + 2),
                Some(b'"' | b'\'') => {}
                // Of a statement that ends with its line.
                Some(_) if self.text.get(end..at).is_some_and(|b| b.contains('\n')) => break,
                Some(_) => {
                    terms = vec![Argument::unknown()];
                    at = self.beyond(at);
                    break;
                }
            }
            if terms.len() > ARGUMENTS {
                break;
            }
        }
        out.push(match <[Argument; 1]>::try_from(terms) {
            Ok([one]) => one,
            Err(several) => {
                let parts = several.iter().map(|a| match a.0.as_slice() {
                    [one] => one.clone(),
                    _ => UNKNOWN.to_string(),
                });
                Argument(vec![parts.collect()])
            }
        });
        at
    }

    /// The end of an argument: what it goes on with is passed over.
    fn beyond(&self, at: usize) -> usize {
        let (from, mut at, mut open) = (at, at, 0usize);
        while let Some(byte) = self.byte(at).filter(|_| at - from < PASSED) {
            match byte {
                b'(' | b'[' | b'{' => open += 1,
                b')' | b']' | b'}' | b',' | b';' if open == 0 => return at,
                b')' | b']' | b'}' => open -= 1,
                b'"' | b'`' => at = closing(self.bytes, at + 1, byte),
                b'\n' if open == 0 && self.byte(self.blanks(at)) != Some(b'.') => return at,
                _ => {}
            }
            at += 1;
        }
        at
    }

    /// Reads a literal, a name or a call; true where it is a list.
    fn term(&self, at: usize, depth: usize, out: &mut Vec<Argument>) -> (usize, bool) {
        if depth > DEPTH || !self.may(1) {
            out.push(Argument::unknown());
            return (self.beyond(at), false);
        }
        let mut at = at;
        while matches!(self.byte(at), Some(b'&' | b'*')) {
            at += 1;
        }
        match self.byte(at) {
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                let (text, end) = self.literal(at, quote);
                out.push(Argument(vec![text.to_owned()]));
                return (self.postfix(end), false);
            }
            // Go's `[]string{...}`, Zig's `[_][]const u8{...}`, and others' `[a, b]`, `{a, b}`, `(a, b)`.
            Some(b'[') if self.starts(at, "[]") || self.starts(at, "[_]") || self.starts(at, "[...]") => {
                let rest = self.bytes.get(at..self.bytes.len().min(at + 40)).unwrap_or_default();
                return match memchr::memchr2(b'{', b'\n', rest) {
                    Some(to) if self.byte(at + to) == Some(b'{') => (self.list(at + to + 1, depth + 1, out), true),
                    _ => (self.beyond(at), true),
                };
            }
            Some(b'[' | b'{' | b'(') => return (self.list(at + 1, depth + 1, out), true),
            _ => {}
        }
        let end = self.name(at);
        if end == at {
            out.push(Argument::unknown());
            return (at + 1, false);
        }
        let name = self.text.get(at..end).unwrap_or_default();
        let next = self.byte(end);
        // `r"..."`, `f'...'`, `~c"..."`, `@"..."`, `$"..."`.
        if let Some(quote @ (b'"' | b'\'')) = next
            && name.len() <= 2
        {
            let (text, end) = self.literal(end, quote);
            out.push(Argument(vec![text.to_owned()]));
            return (self.postfix(end), false);
        }
        if matches!(name, "new" | "range" | "await") {
            let behind = self.blanks(end);
            let kind = self.name(behind);
            let mut end = self.blanks(kind);
            if self.byte(end) == Some(b'<') {
                end = memchr::memchr(b'>', self.bytes.get(end..).unwrap_or_default()).map_or(end, |to| end + to + 1);
            }
            while self.starts(end, "[]") {
                end += 2;
            }
            end = self.blanks(end);
            if self.byte(end) == Some(b'{') {
                return (self.list(end + 1, depth + 1, out), true);
            }
            let made = self.text.get(behind..kind).unwrap_or_default();
            if LISTS.contains(&made) && self.byte(end) == Some(b'(') {
                return (self.list(end + 1, depth + 1, out), true);
            }
            return self.term(behind, depth + 1, out);
        }
        let last = name.rsplit(['.', ':', '>']).next().unwrap_or(name);
        if matches!(next, Some(b'(')) || name.ends_with('!') {
            return self.call(name, last, end + 1, depth, out);
        }
        let behind = self.blanks(end);
        let named = match self.byte(behind) {
            Some(b'=') => !matches!(self.byte(behind + 1), Some(b'=' | b'>')),
            Some(b':') => self.byte(behind + 1) == Some(b' '),
            _ => false,
        };
        if named {
            // `FileName = "x"`, `shell=True`, `cmd: ["x"]`.
            return self.term(self.blanks(behind + 1), depth + 1, out);
        }
        let first_of = self.starts(end, "[0]");
        if OWN.contains(&last) || first_of && matches!(name, "os.Args" | "process.argv" | "argv") {
            out.push(Argument(vec![OWN_PROGRAM.to_owned()]));
            return (self.beyond(end), false);
        }
        let found = self.constant(name, depth);
        let end = if first_of { end + 3 } else { end };
        match (found, next) {
            (Some(found), Some(b'[')) if first_of => out.extend(found.into_iter().next()),
            (_, Some(b'[')) => {
                out.push(Argument::unknown());
                return (self.beyond(end), false);
            }
            (Some(found), _) => {
                let is_list = found.len() != 1;
                out.extend(found);
                return (self.postfix(end), is_list);
            }
            (None, _) => out.push(Argument::unknown()),
        }
        (self.postfix(end), false)
    }

    /// Reads a call, from behind its bracket.
    fn call(&self, name: &str, last: &str, at: usize, depth: usize, out: &mut Vec<Argument>) -> (usize, bool) {
        let mut arguments = Vec::new();
        let is_in = |known: &[&str]| known.contains(&last) || known.contains(&name);
        if is_in(&LISTS) {
            return (self.list(at, depth + 1, out), true);
        }
        let joined = is_in(&JOINED);
        if joined || is_in(&SAME) || last == "new" && (name.contains("OsStr") || name.contains("Path")) {
            let mut end = self.list(at, depth + 1, &mut arguments);
            if !joined {
                end = self.closed(at);
            }
            let count = if joined { arguments.len() } else { 1 };
            let parts = arguments.into_iter().take(count).map(|a| match a.0.as_slice() {
                [one] => one.clone(),
                _ => UNKNOWN.to_string(),
            });
            let parts: Vec<String> = parts.collect();
            out.push(Argument(vec![parts.join("/")]));
            return (self.postfix(end), false);
        }
        let end = self.postfix(self.closed(at));
        // What starts a program by itself is looked at where it stands.
        let starts = |start: &Start| start.call.strip_suffix('(').is_some_and(|call| name.ends_with(call));
        if is_in(&OWN) || self.known.iter().any(starts) {
            out.push(Argument(vec![OWN_PROGRAM.to_owned()]));
            return (end, false);
        }
        out.push(Argument::unknown());
        (end, false)
    }

    /// Behind the bracket that closes what is open at `at`.
    fn closed(&self, at: usize) -> usize {
        let mut end = at;
        loop {
            end = self.beyond(end);
            match self.byte(end) {
                Some(_) if end - at > PASSED => return end,
                Some(b',' | b';' | b'\n') => end += 1,
                Some(_) => return end + 1,
                None => return end,
            }
        }
    }

    /// Passes over `.unwrap()`, `.to_string()`, `?`, `!`.
    fn postfix(&self, at: usize) -> usize {
        let mut at = at;
        loop {
            let dot = match self.byte(at) {
                Some(b'?') if self.byte(at + 1) != Some(b'?') => {
                    at += 1;
                    continue;
                }
                Some(b'.') => at,
                _ => return at,
            };
            let end = self.name(dot + 1);
            if end == dot + 1 || self.byte(end) != Some(b'(') {
                return at;
            }
            at = self.closed(end + 1);
        }
    }

    /// The literal whose quote stands at `at`, and where it ends.
    fn literal(&self, at: usize, quote: u8) -> (&'t str, usize) {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let three = [quote; 3];
        if rest.starts_with(&three) {
            let from = at + 3;
            let inside = self.bytes.get(from..).unwrap_or_default();
            let end = memmem::find(inside, &three).map_or(self.bytes.len(), |to| from + to);
            return (self.text.get(from..end).unwrap_or_default(), end + 3);
        }
        let end = closing(self.bytes, at + 1, quote);
        (self.text.get(at + 1..end).unwrap_or_default(), end + 1)
    }

    /// Where the name that begins at `at` ends: `a.b`, `A::B`, `$a->b`, `@a`, `a!`.
    fn name(&self, at: usize) -> usize {
        let mut end = at;
        while let Some(byte) = self.byte(end) {
            let next = self.byte(end + 1);
            let letter = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
            match byte {
                b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => end += 1,
                b'$' | b'@' | b'~' | b':' if end == at => end += 1,
                b'.' if end > at && letter(next) => end += 1,
                b':' if next == Some(b':') => end += 2,
                b'-' if next == Some(b'>') => end += 2,
                b'!' if end > at && matches!(next, Some(b'(' | b'[')) => return end + 1,
                _ => break,
            }
        }
        end
    }

    /// What a name of the file is given, where all that it is given is known: `const git = "git"`,
    /// `path, err := exec.LookPath("git")`, `@git "git"`.
    fn constant(&self, name: &str, depth: usize) -> Option<Vec<Argument>> {
        let own = ["this.", "self.", "Self::", "$this->", "self::"];
        let plain = own.iter().find_map(|of| name.strip_prefix(of)).unwrap_or(name);
        let constant = |last: &str| {
            last.chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        let plain = match plain.rsplit(['.', ':']).next() {
            Some(last) if constant(last) => last,
            _ => plain,
        };
        if !self.may(LOOK_UP) || plain.contains(['.', ':', '>']) || plain.len() < 2 && name.len() != 1 {
            return None;
        }
        let joined = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let mut found: Vec<Vec<Argument>> = Vec::new();
        let mut added = Vec::new();
        let mut each = false;
        for at in memmem::find_iter(self.bytes, plain.as_bytes()).take(PLACES) {
            let before = at.checked_sub(1).and_then(|b| self.byte(b));
            let end = at + plain.len();
            if joined(before) || joined(self.byte(end)) {
                continue;
            }
            let more = [".add(", ".push(", ".append("]
                .iter()
                .find(|call| self.starts(end, call));
            if let Some(call) = more {
                self.list(end + call.len(), depth + 1, &mut added);
                continue;
            }
            let Some(value) = self.given(plain, end) else { continue };
            each |= self.text.get(value..).is_some_and(|rest| rest.starts_with("range "));
            let mut arguments = Vec::new();
            self.expression(value, depth + 1, &mut arguments);
            found.push(arguments);
        }
        if let [one] = found.as_mut_slice() {
            one.append(&mut added);
        }
        match found.as_slice() {
            [] => None,
            [one] if !each => Some(one.clone()),
            several => {
                let firsts = several
                    .iter()
                    .flat_map(|list| list.iter().take(if each { ARGUMENTS } else { 1 }));
                Some(vec![Argument(firsts.flat_map(|a| a.0.iter().cloned()).collect())])
            }
        }
    }

    /// Where the value stands that a name, which ends at `at`, is given there.
    fn given(&self, name: &str, at: usize) -> Option<usize> {
        let line = |at: usize| {
            let rest = self.bytes.get(at..).unwrap_or_default();
            at + memchr::memchr2(b'\n', b';', rest).unwrap_or(rest.len())
        };
        let end = line(at);
        let rest = self.text.get(at..end)?;
        if name.starts_with('@') {
            let value = rest.trim_start();
            return value
                .starts_with(['"', '[', '~', '\''])
                .then(|| at + rest.len() - value.len());
        }
        let line_start = self
            .bytes
            .get(..at)
            .and_then(|b| memchr::memrchr(b'\n', b))
            .map_or(0, |end| end + 1);
        let before = self.text.get(line_start..at)?.trim_start();
        if before.strip_prefix("#define").is_some_and(|rest| rest.trim() == name) {
            return rest.trim_start().starts_with('"').then(|| self.blanks(at));
        }
        let equals = rest.find('=')?;
        let (between, behind) = (rest.get(..equals)?, rest.get(equals + 1..)?);
        // A type, or what is given beside it: `: &'static str`, `string`, `, err :`.
        let kind = |c: char| {
            c.is_alphanumeric() || matches!(c, ' ' | ':' | '&' | '\'' | '_' | ',' | '<' | '>' | '[' | ']' | '*')
        };
        let words = between.split_whitespace().count() <= 3;
        if !between.chars().all(kind) || !words || behind.starts_with(['=', '>', '~']) {
            return None;
        }
        Some(self.blanks(at + equals + 1))
    }

    /// Arguments of calls behind the one that ends at `at`: `.arg("-c").args(["x"])`.
    fn chained(&self, at: usize, out: &mut Vec<Argument>) {
        let mut at = self.blanks(at);
        while self.byte(at) == Some(b'.') && out.len() <= ARGUMENTS {
            let end = self.name(at + 1);
            // Calls that are joined by dots are one name up to the bracket.
            let name = self.text.get(at + 1..end).unwrap_or_default();
            if self.byte(end) != Some(b'(') {
                return;
            }
            at = match name {
                "arg" | "args" | "arguments" => self.list(end + 1, 1, out),
                _ => self.closed(end + 1),
            };
            at = self.blanks(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first call of a text starts, joined; `?` for what is not known.
    fn of(call: &'static str, at: usize, text: &str) -> String {
        let start = Start {
            call,
            at,
            script: false,
            bare: false,
            with: None,
            program: None,
        };
        let begin = text.find(call).expect("the call") + call.len();
        let found = started(&[], &start, text, begin).into_iter().map(|s| match s {
            Started::Program(name) => name,
            Started::Unnamed => "?".to_owned(),
        });
        found.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn go() {
        let go = |text: &str| of("exec.Command(", 0, text);
        assert_eq!(go("exec.Command(\"git\", \"log\")"), "git");
        assert_eq!(go("const bin = \"git\"\nexec.Command(bin, x)"), "git");
        assert_eq!(go("var bin string = \"git\"\nfunc f() { exec.Command(bin) }"), "git");
        assert_eq!(go("exec.Command(cfg.Path, \"x\")"), "?");
        assert_eq!(go("func run(name string) { exec.Command(name) }"), "?");
        assert_eq!(
            go("p, err := exec.LookPath(\"ffmpeg\")\nexec.Command(p, \"x\")"),
            "ffmpeg"
        );
        assert_eq!(go("exec.Command(\"sh\", \"-c\", \"curl a | tar x\")"), "sh curl tar");
        assert_eq!(
            go("exec.Command(\"/bin/bash\", \"-c\", fmt.Sprintf(\"curl %s\", a))"),
            "bash curl"
        );
        assert_eq!(go("exec.Command(\"sh\", \"-c\", line)"), "sh ?");
        assert_eq!(
            go("exec.Command(\"sh\", \"-c\", \"wget \" + url + \" | jq .\")"),
            "sh wget jq"
        );
        assert_eq!(
            go("cmd := []string{\"git\", \"log\"}\nexec.Command(cmd[0], cmd[1:]...)"),
            "git"
        );
        assert_eq!(
            go("for _, n := range []string{\"git\", \"hg\"} {\n exec.Command(n) }"),
            "git hg"
        );
        assert_eq!(go("exec.Command(filepath.Join(dir, \"tool\"))"), "tool");
        assert_eq!(go("exec.Command(os.Args[0])"), "");
        let context = of("exec.CommandContext(", 1, "exec.CommandContext(f(a, b), \"git\", c)");
        assert_eq!(context, "git");
    }

    #[test]
    fn rust() {
        let rust = |text: &str| of("Command::new(", 0, text);
        assert_eq!(
            rust("Command::new(\"sh\").args([\"-c\", \"curl x | wc\"]).status()"),
            "sh curl wc"
        );
        assert_eq!(
            rust("Command::new(\"sh\")\n  .current_dir(d)\n  .arg(\"-c\")\n  .arg(\"make\")"),
            "sh make"
        );
        assert_eq!(rust("let p = \"ssh\"; Command::new(p).status();"), "ssh");
        assert_eq!(rust("const P: &'static str = \"ssh\";\nCommand::new(P)"), "ssh");
        assert_eq!(rust("Command::new(env::current_exe()?)"), "");
        assert_eq!(rust("Command::new(crate_name!())"), "");
        assert_eq!(rust("Command::new(&self.bin)"), "?");
    }

    #[test]
    fn others() {
        let java = |text: &str| of("ProcessBuilder(", 0, text);
        assert_eq!(java("new ProcessBuilder(\"git\", \"clone\").start()"), "git");
        assert_eq!(
            java("new ProcessBuilder(Arrays.asList(\"sh\", \"-c\", \"mvn x\"))"),
            "sh mvn"
        );
        assert_eq!(java("new ProcessBuilder(new String[] {\"git\", a})"), "git");
        assert_eq!(
            java("List<String> c = List.of(\"git\", a);\nnew ProcessBuilder(c)"),
            "git"
        );
        assert_eq!(
            java("static final String GIT = \"git\";\nnew ProcessBuilder(Tools.GIT)"),
            "git"
        );
        assert_eq!(java("new ProcessBuilder()"), "");
        assert_eq!(java("new ProcessBuilder(command)"), "?");
        let added = "List<String> c = new ArrayList<>();\nc.add(\"git\");\nc.add(a);\nnew ProcessBuilder(c)";
        assert_eq!(java(added), "git");
        assert_eq!(
            of(
                "FileName =",
                0,
                "new ProcessStartInfo { FileName = \"git\", Arguments = a }"
            ),
            "git"
        );
        let bash = "new ProcessStartInfo { FileName = \"/bin/bash\", Arguments = $\"-c \\\"curl {url}\\\"\" }";
        assert_eq!(of("FileName =", 0, bash), "bash curl");
        assert_eq!(of("FileName =", 0, "info.FileName = name;\nother(\"git\")"), "?");
        assert_eq!(
            of("System.cmd(", 0, "@git \"git\"\nSystem.cmd(@git, [\"--version\"])"),
            "git"
        );
        assert_eq!(of("run(", 0, "subprocess.run([\"git\", \"log\"], check=True)"), "git");
        assert_eq!(of("run(", 0, "subprocess.run([sys.executable, \"-m\", \"x\"])"), "");
        assert_eq!(of("system(", 0, "#define TOOL \"git\"\nsystem(TOOL)"), "git");
        assert_eq!(of("run(", 0, "subprocess.run(f\"{tool} x\", shell=True)"), "?");
        assert_eq!(of("run(", 0, "subprocess.run(\"ls | grep x\", shell=True)"), "ls grep");
    }
}
