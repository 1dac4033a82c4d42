//! Flags of instructions.

use super::Fault;
use crate::model::instruction::{Flag, Keyword};
use crate::model::suggest::closest;
use crate::source::{SourceFile, Span};
use crate::syntax::Word;

/// How often and with what a flag may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Once, with `true` or `false` or nothing.
    Switch,
    /// Once, with a value.
    Value,
    /// Any number of times, with a value.
    Values,
}

/// The flags that an instruction takes.
pub(super) fn of(keyword: Keyword) -> &'static [(&'static str, Takes)] {
    use Takes::{Switch, Value, Values};
    match keyword {
        Keyword::Add => &[
            ("chown", Value),
            ("chmod", Value),
            ("link", Switch),
            ("keep-git-dir", Switch),
            ("checksum", Value),
            ("unpack", Switch),
            ("exclude", Values),
        ],
        Keyword::Copy => &[
            ("chown", Value),
            ("from", Value),
            ("chmod", Value),
            ("link", Switch),
            ("exclude", Values),
            ("parents", Switch),
        ],
        Keyword::From => &[("platform", Value)],
        Keyword::Healthcheck => &[
            ("interval", Value),
            ("timeout", Value),
            ("start-period", Value),
            ("start-interval", Value),
            ("retries", Value),
        ],
        Keyword::Run => &[
            ("device", Values),
            ("mount", Values),
            ("network", Value),
            ("security", Value),
        ],
        _ => &[],
    }
}

/// Takes a flag apart. A value's span leaves quotes out where they stand right around it.
pub(super) fn read(file: &SourceFile, word: Word) -> Flag {
    let (name, value) = match word.value.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word.value.as_str(), None),
    };
    let name = name.strip_prefix("--").unwrap_or(name).to_owned();
    let value = value.map(|value| {
        let written = file.slice(word.span);
        let start = written.find('=').map_or(0, |i| i + 1);
        let written = written.get(start..).unwrap_or_default();
        let start = word.span.start + start;
        let lead = usize::from(written.starts_with(['"', '\'']));
        let inner = Span::new(start + lead, start + lead + value.len());
        let is_inner = written.len() <= value.len() + 2 && word.span.contains(inner) && file.slice(inner) == value;
        Word::new(
            value,
            if is_inner {
                inner
            } else {
                Span::new(start, word.span.end)
            },
        )
    });
    Flag {
        name,
        value,
        span: word.span,
    }
}

/// The first thing wrong with an instruction's flags: one it does not take, twice the same, a
/// missing or wrong value.
pub(super) fn check(flags: &[Flag], known: &[(&'static str, Takes)]) -> Option<Fault> {
    let mut used = 0_u32;
    for flag in flags {
        let name = &flag.name;
        let fault = |message: String| Some(Fault::new(message, flag.span));
        let Some((i, (_, takes))) = known.iter().enumerate().find(|(_, (n, _))| n == name) else {
            return fault(match closest(name, known.iter().map(|(n, _)| *n)) {
                Some(near) => format!("there is no flag `--{name}` here: did you mean `--{near}`?"),
                None if known.is_empty() => {
                    format!("this instruction takes no flags, and `--{name}` is one")
                }
                None => format!("there is no flag `--{name}` here"),
            });
        };
        if used & (1 << i) != 0 && *takes != Takes::Values {
            return fault(format!("the flag `--{name}` is given twice"));
        }
        used |= 1 << i;
        let value = flag.value.as_ref().map(|v| v.value.as_str());
        match (takes, value) {
            (Takes::Switch, Some("")) | (Takes::Value | Takes::Values, None) => {
                return fault(format!("the flag `--{name}` has no value: write `--{name}=...`"));
            }
            (Takes::Switch, Some(v)) if !["true", "false"].contains(&v.to_lowercase().as_str()) => {
                return fault(format!("the flag `--{name}` is `true` or `false`, not `{v}`"));
            }
            _ => {}
        }
    }
    None
}
