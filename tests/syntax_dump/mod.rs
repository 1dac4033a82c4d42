//! BuildKit's view of a file, built from the public API: its tree as nested lists, or its refusal.

use mbopt::source::SourceFile;
use mbopt::syntax::lines::{self, Lines};
use mbopt::syntax::quote::quoted;
use mbopt::syntax::words::{self, JsonError, Word};
use mbopt::syntax::{Joined, LogicalLine};
use std::ops::Range;

/// Why BuildKit's parser would refuse the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub message: String,
    /// The line it names, from 1.
    pub line: Option<usize>,
    at: usize,
}

/// One line per instruction: `(keyword ["flag"] "argument" ...)`.
pub fn dump(source: &SourceFile) -> Result<String, Refusal> {
    let lines = lines::scan(source);
    let mut out = String::new();
    for line in &lines.instructions {
        match instruction(&line.joined, 0..line.joined.text().len(), lines.escape) {
            Ok(text) => out.push_str(&format!("({text})\n")),
            Err(message) => {
                return Err(first(
                    &lines,
                    Some(Refusal {
                        message,
                        line: Some(line.start_line),
                        at: line.span.start,
                    }),
                ));
            }
        }
    }
    if lines.errors.is_empty() {
        Ok(out)
    } else {
        Err(first(&lines, None))
    }
}

/// The refusal that comes first in the file.
fn first(lines: &Lines, other: Option<Refusal>) -> Refusal {
    let errors = lines.errors.iter().map(|e| Refusal {
        message: e.message.clone(),
        line: e.line,
        at: e.span.start,
    });
    errors.chain(other).min_by_key(|e| e.at).unwrap()
}

fn instruction(joined: &Joined, range: Range<usize>, escape: char) -> Result<String, String> {
    let split = words::split_instruction(joined, range, escape);
    let keyword = split.keyword.value.to_lowercase();
    let mut out = keyword.clone();
    if !split.flags.is_empty() {
        let flags: Vec<_> = split.flags.iter().map(|f| quoted(&f.value)).collect();
        out.push_str(&format!(" [{}]", flags.join(" ")));
    }
    let rest = split.arguments;
    match keyword.as_str() {
        "onbuild" if rest.is_empty() => {}
        // BuildKit trims the text of each list.
        "onbuild" => out.push_str(&format!(" ({})", instruction(joined, rest, escape)?)),
        "run" | "cmd" | "entrypoint" | "shell" => push(&mut out, &maybe_json(joined, rest, false)?),
        "add" | "copy" | "volume" => push(&mut out, &maybe_json(joined, rest, true)?),
        "healthcheck" => {
            if let Some((kind, rest)) = words::health_type(joined, rest) {
                push(&mut out, &[kind]);
                push(&mut out, &maybe_json(joined, rest, false)?);
            }
        }
        "from" | "expose" => push(&mut out, &words::blank_words(joined, rest)),
        "arg" => push(&mut out, &words::quoted_words(joined, rest, escape)),
        "env" | "label" => {
            for pair in words::pairs(joined, rest, escape, &keyword.to_uppercase()).map_err(|e| e.message)? {
                push(&mut out, &[pair.key, pair.value]);
                out.push_str(if pair.legacy { " \"\"" } else { " \"=\"" });
            }
        }
        "user" | "workdir" | "stopsignal" | "maintainer" => push(&mut out, words::whole(joined, rest).as_slice()),
        // An unknown instruction has one empty argument.
        _ => out.push_str(" \"\""),
    }
    Ok(out)
}

fn maybe_json(joined: &Joined, range: Range<usize>, split: bool) -> Result<Vec<Word>, String> {
    match words::json_words(joined, range.clone()) {
        Ok(words) => Ok(words),
        Err(error @ JsonError::NotStrings) => Err(error.to_string()),
        Err(JsonError::NotArray) if split => Ok(words::blank_words(joined, range)),
        Err(JsonError::NotArray) => Ok(words::whole(joined, range).into_iter().collect()),
    }
}

fn push(out: &mut String, words: &[Word]) {
    for word in words {
        out.push(' ');
        out.push_str(&quoted(&word.value));
    }
}

/// First and last line of each instruction.
#[allow(dead_code, reason = "each test uses what it needs")]
pub fn line_numbers(lines: &[LogicalLine]) -> Vec<(usize, usize)> {
    lines.iter().map(|l| (l.start_line, l.end_line)).collect()
}
