//! What stands behind keyword and flags, for each instruction.
//!
//! The checks come in BuildKit's order: some instructions look at their flags before they count
//! their arguments, some after.

use super::{Built, Fault, Source, flags};
use crate::model::instruction::{Form, Healthcheck, Instruction, Keyword, Kind, Mount, Pair, Transfer};
use crate::model::stage::StageRef;
use crate::model::{duration, mount};
use crate::source::Span;
use crate::syntax::words::{self, JsonError};
use crate::syntax::{Word, heredoc};
use std::ops::Range;

/// The shortest interval that HEALTHCHECK takes, in nanoseconds.
const MIN_INTERVAL: f64 = 1e6;

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
                    Some(blank) => Some(Fault::new(format!("{name} has a `=` with no name before it"), blank.span)),
                    None => None,
                });
                let pairs = pairs
                    .into_iter()
                    .map(|p| Pair { key: p.key, value: Some(p.value), legacy: p.legacy, span: p.span })
                    .collect();
                instruction.kind = if keyword == Keyword::Env { Kind::Env(pairs) } else { Kind::Label(pairs) };
                fault
            }
            Keyword::Add | Keyword::Copy => {
                let (arguments, json) = self.list(range)?;
                let (transfer, misplaced) = self.transfer(arguments, json, instruction);
                let count = transfer.sources.len() + transfer.inline_count + usize::from(transfer.inner.destination.is_some());
                let fault = if count < 2 {
                    Some(Fault::new(format!("{name} needs at least one source and a destination"), whole))
                } else {
                    flag_fault.or(misplaced)
                };
                let transfer = transfer.finish();
                instruction.kind = if keyword == Keyword::Add { Kind::Add(transfer) } else { Kind::Copy(transfer) };
                fault
            }
            Keyword::From => self.from(instruction, range, flag_fault),
            Keyword::Run => {
                let form = self.form(range)?;
                let (mounts, fault) = run_flags(instruction);
                instruction.kind = Kind::Run { form, mounts, heredocs: self.line.heredocs.clone() };
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
                    Some(Fault::new("SHELL takes a JSON array: write `SHELL [\"/bin/sh\", \"-c\"]`", word.span))
                }),
                _ => flag_fault.or_else(|| Some(missing(name, "a JSON array", whole))),
            },
            Keyword::Healthcheck => self.healthcheck(instruction, range, flag_fault)?,
            Keyword::Expose => {
                let ports = words::blank_words(joined, range);
                let fault = if ports.is_empty() { Some(missing(name, "a port", whole)) } else { flag_fault };
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
                        if keyword == Keyword::StopSignal { None } else { flag_fault }
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
    fn form(&self, range: Range<usize>) -> Result<Form, Fault> {
        let joined = &self.line.joined;
        match words::json_words(joined, range.clone()) {
            Ok(words) => Ok(Form::Exec(words)),
            Err(JsonError::NotStrings) => Err(not_strings(joined.span(range.start, range.end))),
            Err(JsonError::NotArray) => {
                let span = joined.span(range.start, range.end);
                Ok(Form::Shell(words::whole(joined, range).unwrap_or_else(|| Word::new("", span))))
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
                Some(Fault::new("FROM takes an image, or an image and `AS name`", second.span.to(last)))
            }
        };
        if let Some(first) = words.first() {
            let image = super::image_of(first);
            let platform = instruction.flag("platform").and_then(|f| f.value.clone());
            instruction.kind = Kind::From { image, base: StageRef::Unknown, platform, name, as_span };
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
            pairs.push(Pair { key, value, legacy: false, span: word.span });
        }
        if pairs.is_empty() {
            fault = Some(missing("ARG", "a name", Parts::of(instruction).whole));
        }
        instruction.kind = Kind::Arg(pairs);
        fault
    }

    fn healthcheck(
        &self,
        instruction: &mut Instruction,
        range: Range<usize>,
        flag_fault: Option<Fault>,
    ) -> Result<Option<Fault>, Fault> {
        let whole = Parts::of(instruction).whole;
        let Some((kind, rest)) = words::health_type(&self.line.joined, range) else {
            return Ok(Some(missing("HEALTHCHECK", "CMD or NONE", whole)));
        };
        let form = self.form(rest)?;
        let empty = match &form {
            Form::Shell(word) => word.value.is_empty(),
            Form::Exec(words) => words.is_empty(),
        };
        if kind.value.to_uppercase() == "NONE" {
            instruction.kind = Kind::Healthcheck(Healthcheck::None);
            return Ok((!empty).then(|| Fault::new("HEALTHCHECK NONE takes no arguments", whole)));
        }
        if kind.value.to_uppercase() != "CMD" {
            let message = format!("HEALTHCHECK begins with CMD or NONE, not with `{}`", kind.value);
            return Ok(flag_fault.or_else(|| Some(Fault::new(message, kind.span))));
        }
        instruction.kind = Kind::Healthcheck(Healthcheck::Cmd(form));
        Ok(flag_fault
            .or_else(|| empty.then(|| Fault::new("HEALTHCHECK CMD has no command", whole)))
            .or_else(|| check_times(instruction)))
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
        Transfer { sources: self.sources, ..self.inner }
    }
}

/// Places of an instruction.
struct Parts {
    /// Keyword, flags and arguments, heredocs excluded.
    whole: Span,
}

impl Parts {
    fn of(instruction: &Instruction) -> Parts {
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

fn missing(name: &str, what: &str, span: Span) -> Fault {
    Fault::new(format!("{name} needs {what} behind it"), span)
}

fn not_strings(span: Span) -> Fault {
    Fault::new("a JSON array here holds strings only: put each element in double quotes", span)
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
        && lower.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}

/// HEALTHCHECK's intervals and retries.
fn check_times(instruction: &Instruction) -> Option<Fault> {
    for name in ["interval", "timeout", "start-period", "start-interval"] {
        let Some(value) = instruction.flag(name).and_then(|f| f.value.as_ref()) else {
            continue;
        };
        match duration::parse(&value.value) {
            _ if value.value.is_empty() => {}
            None => {
                return Some(Fault::new(
                    format!("`{}` is no duration for `--{name}`: write it like `30s` or `1m30s`", value.value),
                    value.span,
                ));
            }
            Some(0.0) => {}
            Some(time) if time < MIN_INTERVAL => {
                return Some(Fault::new(format!("`--{name}` must be 0 or at least 1ms"), value.span));
            }
            Some(_) => {}
        }
    }
    let retries = instruction.flag("retries").and_then(|f| f.value.as_ref()).filter(|v| !v.value.is_empty())?;
    match retries.value.parse::<i32>() {
        Ok(count) if count >= 0 => None,
        Ok(_) => Some(Fault::new("`--retries` cannot be negative", retries.span)),
        Err(_) => {
            let message = format!("`{}` is no number of retries", retries.value);
            Some(Fault::new(message, retries.span))
        }
    }
}

/// RUN's mounts, and the first thing wrong with its flags' values: devices, mounts, network, security.
fn run_flags(instruction: &Instruction) -> (Vec<Mount>, Option<Fault>) {
    let mut device_fault = None;
    let mut mount_fault = None;
    let mut mounts = Vec::new();
    let mut value_fault = None;
    for flag in &instruction.flags {
        let Some(value) = &flag.value else { continue };
        match flag.name.as_str() {
            "device" => device_fault = device_fault.or_else(|| device(value)),
            "mount" => {
                let (read, fault) = read_mount(value, flag.span);
                mounts.extend(read);
                mount_fault = mount_fault.or(fault);
            }
            _ => {}
        }
    }
    for (name, allowed) in [("network", &["default", "none", "host"][..]), ("security", &["insecure", "sandbox"])] {
        if let Some(value) = instruction.flag(name).and_then(|f| f.value.as_ref())
            && !allowed.contains(&value.value.as_str())
        {
            let message = format!("`{}` is no value for `--{name}`: there are {}", value.value, allowed.join(", "));
            value_fault = value_fault.or_else(|| Some(Fault::new(message, value.span)));
        }
    }
    (mounts, device_fault.or(mount_fault).or(value_fault))
}

fn read_mount(value: &Word, span: Span) -> (Option<Mount>, Option<Fault>) {
    let fields = match mount::fields(&value.value) {
        Ok(fields) => fields,
        Err(message) => return (None, Some(Fault::new(format!("`--mount` cannot be read: {message}"), value.span))),
    };
    let fault = mount::check_unexpanded(&fields).map(|(i, message)| {
        let place = fields.get(i).map_or(value.span, |f| value.part(f.range.clone()));
        Fault::new(message, place)
    });
    let mut read = Mount {
        kind: "bind".to_owned(),
        target: None,
        source: None,
        from: None,
        id: None,
        options: Vec::with_capacity(fields.len()),
        span,
    };
    for field in fields {
        let place = value.part(field.value_range.unwrap_or(field.range));
        let word = field.value.map(|v| Word::new(v, place));
        match (field.key.as_str(), &word) {
            ("type", Some(w)) => read.kind = w.value.to_lowercase(),
            ("target" | "dst" | "destination", Some(w)) => read.target = Some(w.clone()),
            ("source" | "src", Some(w)) => read.source = Some(w.clone()),
            ("from", Some(w)) if !w.value.is_empty() => read.from = Some((w.clone(), StageRef::Unknown)),
            ("id", Some(w)) => read.id = Some(w.clone()),
            _ => {}
        }
        read.options.push((field.key, word));
    }
    (Some(read), fault)
}

/// `--device=[name=]DEVICE[,required[=bool]]`.
fn device(value: &Word) -> Option<Fault> {
    let fields = match mount::fields(&value.value) {
        Ok(fields) => fields,
        Err(message) => return Some(Fault::new(format!("`--device` cannot be read: {message}"), value.span)),
    };
    let mut named = false;
    for field in fields {
        let fault = |message: String| Some(Fault::new(message, value.part(field.range.clone())));
        match (field.key.as_str(), field.value.as_deref()) {
            ("required", None) => {}
            ("required", Some(v)) if mount::parse_bool(v).is_some() => {}
            ("required", Some(v)) => return fault(format!("`required` is `true` or `false`, not `{v}`")),
            ("name", Some(_)) if named => return fault("the device's name is given twice".to_owned()),
            ("name", Some(_)) => named = true,
            _ if !named => named = true,
            (key, None) => return fault(format!("the device option `{key}` needs a value")),
            (key, Some(_)) => return fault(format!("`{key}` is no device option: there are name, required")),
        }
    }
    None
}
