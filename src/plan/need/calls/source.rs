//! Reads arguments and constants of a source file, in the ways that most languages write them.

use super::{ARGUMENTS, Argument, OWN_PROGRAM, UNKNOWN};
use crate::knowledge::ecosystem::Start;
use crate::plan::need::literals::closing;
use memchr::memmem;
use std::cell::Cell;

/// Lists, calls and constants are followed so far.
const DEPTH: usize = 6;
/// So many words are looked at for a call, each look-up of a constant counting for several.
const BUDGET: usize = 240;
const LOOK_UP: usize = 20;
/// An argument that is not understood is passed over so far, in bytes.
const PASSED: usize = 4096;
/// So many places where a name stands are looked at.
const PLACES: usize = 200;

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
pub(super) struct Source<'t> {
    /// The calls that start programs.
    known: &'static [Start],
    text: &'t str,
    bytes: &'t [u8],
    /// Where the arguments of the call begin.
    call: usize,
    /// How many words may still be looked at.
    budget: Cell<usize>,
}

impl<'t> Source<'t> {
    /// A file, for the call whose arguments begin at `call`.
    pub(super) fn of(known: &'static [Start], text: &'t str, call: usize) -> Source<'t> {
        Source {
            known,
            text,
            bytes: text.as_bytes(),
            call,
            budget: Cell::new(BUDGET),
        }
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
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
    pub(super) fn list(&self, at: usize, depth: usize, out: &mut Vec<Argument>) -> usize {
        let mut at = self.blanks(at);
        while let Some(byte) = self.byte(at) {
            match byte {
                b')' | b']' | b'}' => return at + 1,
                b';' => return at,
                b',' if self.may(1) => at += 1,
                b',' => return at,
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
    pub(super) fn expression(&self, at: usize, depth: usize, out: &mut Vec<Argument>) -> usize {
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
            (None, _) => out.push(self.handed(name).unwrap_or_else(Argument::unknown)),
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

    /// What calls in the same file hand to the function around the call by that name, and that others may hand
    /// it more: `func run(name string) { exec.Command(name) }`, `run("git")`.
    fn handed(&self, name: &str) -> Option<Argument> {
        let above = self.text.get(..self.call)?;
        let words = ["func ", "fn ", "def ", "function "];
        let begins = words.iter().filter_map(|word| Some(above.rfind(word)? + word.len()));
        let mut from = begins.max()?;
        if self.byte(from) == Some(b'(') {
            // Go's receiver.
            from = self.blanks(self.closed(from + 1));
        }
        let end = self.name(from);
        let function = self.text.get(from..end).filter(|function| !function.is_empty())?;
        if self.byte(end) != Some(b'(') || !self.may(LOOK_UP) {
            return None;
        }
        let given: Vec<&str> = self.text.get(end + 1..self.closed(end + 1))?.split(',').collect();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let position = given.iter().position(|p| p.split(|c| !word(c)).any(|w| w == name))?;
        let own = given
            .first()
            .is_some_and(|p| matches!(p.trim(), "self" | "&self" | "&mut self" | "cls"));
        let position = position.checked_sub(usize::from(own))?;
        let mut found = Vec::new();
        for at in memmem::find_iter(self.bytes, function.as_bytes()).take(PLACES) {
            let end = at + function.len();
            let before = at.checked_sub(1).and_then(|b| self.byte(b));
            if at == from || self.byte(end) != Some(b'(') || before.is_some_and(|b| word(char::from(b))) {
                continue;
            }
            let mut argument = self.blanks(end + 1);
            for _ in 0..position {
                argument = self.beyond(argument);
                argument = self.blanks(argument + 1);
            }
            if let Some(quote @ (b'"' | b'\'' | b'`')) = self.byte(argument) {
                let text = self.literal(argument, quote).0.to_owned();
                if !found.contains(&text) {
                    found.push(text);
                }
            }
        }
        found.push(UNKNOWN.to_string());
        Some(Argument(found))
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
    pub(super) fn chained(&self, at: usize, out: &mut Vec<Argument>) {
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
