//! Which programs a call starts: its arguments are read as far as literals, constants of the same file
//! and lists of them tell. What is not told is said to be unknown, never guessed.

mod source;

use crate::knowledge::ecosystem::Start;
use crate::plan::runtime::is_shell;
use crate::shell::{self, Dialect};
use crate::source::Span;
use source::Source;

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
/// What the call whose arguments begin at `at` starts.
pub(super) fn started(known: &'static [Start], start: &Start, text: &str, at: usize) -> Vec<Started> {
    if let Some(program) = start.program {
        return vec![Started::Program(program.to_owned())];
    }
    let source = Source::of(known, text, at);
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

#[cfg(test)]
mod tests;
