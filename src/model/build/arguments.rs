//! What stands behind keyword and flags, for each instruction.
//!
//! The checks come in BuildKit's order: some instructions look at their flags before they count
//! their arguments, some after.

use super::{Built, Fault, Source, flags, run};
use crate::model::instruction::{Form, Instruction, Keyword, Kind, Pair, Transfer};
use crate::model::stage::StageRef;
use crate::source::Span;
use crate::syntax::words::{self, JsonError};
use crate::syntax::{Word, heredoc};
use std::ops::Range;

impl Source<'_> {
    /// Reads the arguments of any instruction but ONBUILD.
    pub(super) fn arguments(&self, built: &mut Built, range: Range<usize>) {
        match self.read(&mut built.instruction, range) {
            Ok(fault) => built.fault = fault,
            Err(fault) => built.lexical = Some(fault),
        }
    }

    /// The inner result is what the instruction is refused for, the outer one a line that cannot be split.
    fn read(&self, instruction: &mut Instruction, range: Range<usize>) -> Result<Option<Fault>, Fault> {
        let joined = &self.line.joined;
        let keyword = instruction.keyword;
        let whole = Parts::of(instruction).whole;
        let name = keyword.name();
        let flag_fault = flags::check(&instruction.flags, flags::of(keyword));
        Ok(match keyword {
            Keyword::Env | Keyword::Label => {
                let pairs = words::pairs(joined, range, self.escape, name)
                    .map_err(|e| Fault::new(pair_message(name, &e.message), e.span))?;
                let fault = flag_fault.or_else(|| match pairs.iter().find(|p| p.key.value.is_empty()) {
                    _ if pairs.is_empty() => Some(missing(name, "a name and a value", whole)),
                    Some(blank) => Some(Fault::new(
                        format!("{name} has a `=` with no name before it"),
                        blank.span,
                    )),
                    None => None,
                });
                let pairs = pairs
                    .into_iter()
                    .map(|p| Pair {
                        key: p.key,
                        value: Some(p.value),
                        legacy: p.legacy,
                        span: p.span,
                    })
                    .collect();
                instruction.kind = if keyword == Keyword::Env {
                    Kind::Env(pairs)
                } else {
                    Kind::Label(pairs)
                };
                fault
            }
            Keyword::Add | Keyword::Copy => {
                let (arguments, json) = self.list(range)?;
                let (transfer, misplaced) = self.transfer(arguments, json, instruction);
                let count =
                    transfer.sources.len() + transfer.inline_count + usize::from(transfer.inner.destination.is_some());
                let fault = if count < 2 {
                    Some(Fault::new(
                        format!("{name} needs at least one source and a destination"),
                        whole,
                    ))
                } else {
                    flag_fault.or(misplaced)
                };
                let transfer = transfer.finish();
                instruction.kind = if keyword == Keyword::Add {
                    Kind::Add(transfer)
                } else {
                    Kind::Copy(transfer)
                };
                fault
            }
            Keyword::From => self.from(instruction, range, flag_fault),
            Keyword::Run => {
                let form = self.form(range)?;
                let (mounts, fault) = run::flags_of(instruction);
                instruction.kind = Kind::Run {
                    form,
                    mounts,
                    heredocs: self.line.heredocs.clone(),
                };
                flag_fault.or(fault)
            }
            Keyword::Cmd => {
                instruction.kind = Kind::Cmd(self.form(range)?);
                flag_fault
            }
            Keyword::Entrypoint => {
                instruction.kind = Kind::Entrypoint(self.form(range)?);
                flag_fault
            }
            Keyword::Shell => match self.form(range)? {
                Form::Exec(words) if !words.is_empty() => {
                    instruction.kind = Kind::Shell(words);
                    flag_fault
                }
                Form::Shell(word) if !word.value.is_empty() => flag_fault.or_else(|| {
                    Some(Fault::new(
                        "SHELL takes a JSON array: write `SHELL [\"/bin/sh\", \"-c\"]`",
                        word.span,
                    ))
                }),
                _ => flag_fault.or_else(|| Some(missing(name, "a JSON array", whole))),
            },
            Keyword::Healthcheck => self.healthcheck(instruction, range, flag_fault)?,
            Keyword::Expose => {
                let ports = words::blank_words(joined, range);
                let fault = if ports.is_empty() {
                    Some(missing(name, "a port", whole))
                } else {
                    flag_fault
                };
                instruction.kind = Kind::Expose(ports);
                fault
            }
            Keyword::Volume => {
                let (paths, _) = self.list(range)?;
                let fault = if paths.is_empty() {
                    Some(missing(name, "a path", whole))
                } else {
                    let blank = paths.iter().find(|p| p.value.trim().is_empty());
                    flag_fault.or_else(|| blank.map(|p| Fault::new("VOLUME has an empty path", p.span)))
                };
                instruction.kind = Kind::Volume(paths);
                fault
            }
            Keyword::Arg => self.arg(instruction, range),
            Keyword::User | Keyword::Workdir | Keyword::StopSignal | Keyword::Maintainer => {
                match words::whole(joined, range) {
                    Some(word) => {
                        instruction.kind = match keyword {
                            Keyword::User => Kind::User(word),
                            Keyword::Workdir => Kind::Workdir(word),
                            Keyword::StopSignal => Kind::StopSignal(word),
                            _ => Kind::Maintainer(word),
                        };
                        // STOPSIGNAL never looks at its flags.
                        if keyword == Keyword::StopSignal {
                            None
                        } else {
                            flag_fault
                        }
                    }
                    None => Some(missing(name, "an argument", whole)),
                }
            }
            Keyword::Onbuild | Keyword::Unknown => None,
        })
    }

    /// A JSON array of strings, or words between blanks.
    fn list(&self, range: Range<usize>) -> Result<(Vec<Word>, bool), Fault> {
        let joined = &self.line.joined;
        match words::json_words(joined, range.clone()) {
            Ok(words) => Ok((words, true)),
            Err(JsonError::NotStrings) => Err(not_strings(joined.span(range.start, range.end))),
            Err(JsonError::NotArray) => Ok((words::blank_words(joined, range), false)),
        }
    }

    /// A JSON array of strings, or a script.
    pub(super) fn form(&self, range: Range<usize>) -> Result<Form, Fault> {
        let joined = &self.line.joined;
        match words::json_words(joined, range.clone()) {
            Ok(words) => Ok(Form::Exec(words)),
            Err(JsonError::NotStrings) => Err(not_strings(joined.span(range.start, range.end))),
            Err(JsonError::NotArray) => {
                let span = joined.span(range.start, range.end);
                Ok(Form::Shell(
                    words::whole(joined, range).unwrap_or_else(|| Word::new("", span)),
                ))
            }
        }
    }

    fn from(&self, instruction: &mut Instruction, range: Range<usize>, flag_fault: Option<Fault>) -> Option<Fault> {
        let words = words::blank_words(&self.line.joined, range);
        let whole = Parts::of(instruction).whole;
        let mut name = None;
        let mut as_span = None;
        let fault = match words.as_slice() {
            [_, keyword, word] if keyword.value.eq_ignore_ascii_case("as") => {
                as_span = Some(keyword.span);
                name = Some(word.clone());
                (!is_stage_name(&word.value)).then(|| {
                    Fault::new(
                        format!(
                            "`{}` is no name for a stage: it begins with a letter, and letters, digits, `-`, `_` and `.` follow",
                            word.value
                        ),
                        word.span,
                    )
                })
            }
            [_] => None,
            [] => Some(missing("FROM", "an image", whole)),
            [_, second, ..] => {
                let last = words.last().map_or(second.span, |w| w.span);
                Some(Fault::new(
                    "FROM takes an image, or an image and `AS name`",
                    second.span.to(last),
                ))
            }
        };
        if let Some(first) = words.first() {
            let image = super::image_of(first);
            let platform = instruction.flag("platform").and_then(|f| f.value.clone());
            instruction.kind = Kind::From {
                image,
                base: StageRef::Unknown,
                platform,
                name,
                as_span,
            };
        }
        fault.or(flag_fault)
    }

    fn arg(&self, instruction: &mut Instruction, range: Range<usize>) -> Option<Fault> {
        let mut fault = None;
        let mut pairs = Vec::new();
        for word in words::quoted_words(&self.line.joined, range, self.escape) {
            let (key, value) = match word.value.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (word.value.as_str(), None),
            };
            if key.is_empty() {
                fault = fault.or_else(|| Some(Fault::new("ARG has a `=` with no name before it", word.span)));
            }
            // Only the value can be continued on another line, or lose an escape at its end.
            let key_end = word.span.start + key.len();
            let value = value.map(|v| Word::new(v, Span::new(key_end + 1, word.span.end)));
            let key = Word::new(key, Span::new(word.span.start, key_end));
            pairs.push(Pair {
                key,
                value,
                legacy: false,
                span: word.span,
            });
        }
        if pairs.is_empty() {
            fault = Some(missing("ARG", "a name", Parts::of(instruction).whole));
        }
        instruction.kind = Kind::Arg(pairs);
        fault
    }

    fn transfer(&self, mut arguments: Vec<Word>, json: bool, instruction: &Instruction) -> (Reading, Option<Fault>) {
        let mut fault = None;
        let destination = arguments.pop();
        if let Some(word) = &destination
            && is_heredoc(word)
        {
            fault = Some(Fault::new("a heredoc can be copied from, not to", word.span));
        }
        let mut reading = Reading::default();
        reading.inner.destination = destination;
        reading.inner.json = json;
        for word in arguments {
            if is_heredoc(&word) {
                reading.inline_count += 1;
            } else {
                reading.sources.push(word);
            }
        }
        if !json && reading.inline_count > 0 {
            reading.inner.inline.clone_from(&self.line.heredocs);
        }
        reading.inner.from = match instruction.keyword {
            Keyword::Copy => instruction
                .flag("from")
                .and_then(|f| f.value.clone())
                .filter(|v| !v.value.is_empty())
                .map(|v| (v, StageRef::Unknown)),
            _ => None,
        };
        (reading, fault)
    }
}

/// A COPY or ADD while it is read.
#[derive(Default)]
struct Reading {
    inner: Transfer,
    sources: Vec<Word>,
    inline_count: usize,
}

impl Reading {
    fn finish(self) -> Transfer {
        Transfer {
            sources: self.sources,
            ..self.inner
        }
    }
}

/// Places of an instruction.
pub(super) struct Parts {
    /// Keyword, flags and arguments, heredocs excluded.
    pub whole: Span,
}

impl Parts {
    pub(super) fn of(instruction: &Instruction) -> Parts {
        let mut whole = instruction.keyword_span;
        if let Some(flag) = instruction.flags.last() {
            whole = whole.to(flag.span);
        }
        if !instruction.arguments_span.is_empty() {
            whole = whole.to(instruction.arguments_span);
        }
        Parts { whole }
    }
}

pub(super) fn missing(name: &str, what: &str, span: Span) -> Fault {
    Fault::new(format!("{name} needs {what} behind it"), span)
}

fn not_strings(span: Span) -> Fault {
    Fault::new(
        "a JSON array here holds strings only: put each element in double quotes",
        span,
    )
}

fn pair_message(name: &str, message: &str) -> String {
    if message.contains("two arguments") {
        format!("{name} needs a name and a value: write `{name} NAME=value`")
    } else {
        format!("a word of {name} has no `=`: write `NAME=value`, and quote or escape blanks in the value")
    }
}

fn is_heredoc(word: &Word) -> bool {
    word.value.contains("<<") && matches!(heredoc::announce(&word.value), Ok(Some(_)))
}

/// `[a-z][a-z0-9-_.]*`, in any case.
fn is_stage_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && lower
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}
