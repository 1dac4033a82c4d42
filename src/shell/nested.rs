//! Scripts that one shell hands to another: `sh -c '...'`, `bash <<EOF`.

use super::dialect::is_shell;
use super::{Command, Place, Script, ShellWord, walk};
use crate::source::Span;

/// Where the script of `sh -c '...'` stands, its quotes excluded; none unless the argument is one
/// quoted string whose bytes are what the inner shell gets.
pub(super) fn script_argument(command: &Command, bytes: &[u8], base: usize) -> Option<Span> {
    let word = script_word(command)?;
    let raw = bytes.get(word.span.start.checked_sub(base)?..word.span.end.checked_sub(base)?)?;
    let (first, rest) = raw.split_first()?;
    let (last, inside) = rest.split_last()?;
    let exact = match (first, last) {
        (b'\'', b'\'') => !inside.contains(&b'\''),
        (b'"', b'"') => !inside.iter().any(|b| matches!(b, b'"' | b'`')) && !has_escape(inside),
        _ => false,
    };
    exact.then(|| Span::new(word.span.start + 1, word.span.end - 1))
}

/// Whether a double-quoted string has a backslash that is no continuation.
fn has_escape(inside: &[u8]) -> bool {
    inside
        .iter()
        .enumerate()
        .any(|(i, b)| *b == b'\\' && inside.get(i + 1) != Some(&b'\n'))
}

/// The word behind `-c`.
fn script_word(command: &Command) -> Option<&ShellWord> {
    let effective = command.effective();
    let words = effective.words;
    if super::dialect::base_name(&effective.name.text) == "su" {
        let at = words.iter().position(|w| w.text == "-c" || w.text == "--command")?;
        return words.get(at + 1);
    }
    if !is_shell(effective.name) {
        return None;
    }
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let flags = word.text.strip_prefix(['-', '+'])?;
        if word.text.starts_with("--") {
            continue;
        }
        if flags.contains('c') && word.text.starts_with('-') {
            // `-o pipefail` in the same cluster or behind it takes a word of its own.
            let mut next = words.next()?;
            if flags.contains('o') {
                next = words.next()?;
            }
            while next.text == "-o" || next.text == "+o" {
                words.next()?;
                next = words.next()?;
            }
            while next.is_flag() {
                next = words.next()?;
            }
            return Some(next);
        }
        if flags.ends_with('o') || flags.ends_with('O') {
            words.next()?;
        }
    }
    None
}

/// Whether a command is a shell that reads its script from standard input.
pub(super) fn reads_script_from_input(command: &Command) -> bool {
    let effective = command.effective();
    if !is_shell(effective.name) {
        return false;
    }
    let mut words = effective.words.iter();
    while let Some(word) = words.next() {
        match word.text.strip_prefix(['-', '+']) {
            Some(flags) if !word.text.starts_with("--") => {
                if flags.contains('c') {
                    return false;
                }
                if flags.contains('s') {
                    return true;
                }
                if flags.ends_with('o') {
                    words.next();
                }
            }
            Some(_) => {}
            None => return false,
        }
    }
    true
}

/// Reads the script of an exec form's `["sh", "-c", "..."]`.
pub(super) fn exec(script: &mut Script) {
    let Some(command) = script.commands.first() else { return };
    let Some(word) = script_word(command) else { return };
    // A JSON string without escapes is as long as its value and the two quotes.
    if word.span.len() != word.text.len() + 2 || word.text.len() > super::MAX_BODY {
        return;
    }
    if let Some(commands) = walk::inner(word.text.as_bytes(), word.span.start + 1, false, command.place, 0) {
        script.commands.extend(commands);
    }
}

/// Puts another script's commands behind the command at `owner`, which runs it.
pub(super) fn insert(script: &mut Script, owner: usize, inner: Script, outer: Place) {
    if inner.has_error || inner.commands.is_empty() {
        return;
    }
    let count = inner.commands.len();
    let commands = inner.commands.into_iter().map(|mut command| {
        let place = &mut command.place;
        place.depth += outer.depth + 1;
        place.nested = true;
        place.link = outer.link;
        place.in_subshell |= outer.in_subshell;
        place.in_substitution |= outer.in_substitution;
        place.in_loop |= outer.in_loop;
        place.in_conditional |= outer.in_conditional;
        place.in_function |= outer.in_function;
        place.background |= outer.background;
        command
    });
    script.commands.splice(owner + 1..owner + 1, commands);
    for link in &mut script.chain {
        if link.commands.start > owner {
            link.commands.start += count;
        }
        if link.commands.end > owner {
            link.commands.end += count;
        }
    }
    for (range, _) in &mut script.group_redirects {
        if range.start > owner {
            range.start += count;
        }
        if range.end > owner {
            range.end += count;
        }
    }
}
