//! What BuildKit writes with `--progress=plain`, read as events.
//!
//! Each line belongs to a vertex: `#7 [build 2/4] RUN make` names it, `#7 0.412 text` is its output,
//! `#7 CACHED`, `#7 DONE 1.2s`, `#7 ERROR: ...` end it. Several vertices take turns. Behind the last
//! one stands why the build failed.

use super::engine::StepReport;
use super::event::{Event, Sink, Stream};
use crate::model::{Dockerfile, Keyword, StageRef};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The end of a failed step's output that is kept.
const TAIL: usize = 16 << 10;

/// A line of output is passed on in pieces where it is longer.
const LINE: usize = 64 << 10;

/// One vertex.
#[derive(Debug)]
struct Vertex {
    /// As BuildKit names it.
    name: String,
    step: Option<Step>,
    begun: Instant,
    ended: bool,
    cached: bool,
    millis: u64,
    tail: Vec<u8>,
}

/// A vertex that is an instruction of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    stage: Option<String>,
    /// From 1, of how many in its stage.
    number: usize,
    of: usize,
    instruction: String,
}

/// Why a build failed, as BuildKit says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failure {
    /// The instruction, where one failed.
    pub instruction: Option<String>,
    /// Its stage.
    pub stage: Option<String>,
    /// Its line; 0 where it is not known.
    pub line: usize,
    /// What failed, as BuildKit names it, where that is no instruction.
    pub work: Option<String>,
    /// What BuildKit says of it, without prefixes.
    pub message: String,
    /// The end of the step's output.
    pub output: String,
}

/// Reads the lines.
pub(super) struct Progress<'a> {
    events: &'a dyn Sink,
    /// By BuildKit's numbers.
    vertices: HashMap<usize, Vertex>,
    /// In the order in which they began.
    order: Vec<usize>,
    partial: Vec<u8>,
    /// Lines of no vertex, behind the last one.
    rest: Vec<String>,
    failed: Option<usize>,
    error: Option<String>,
}

impl<'a> Progress<'a> {
    /// Tells `events` what it reads.
    pub fn new(events: &'a dyn Sink) -> Progress<'a> {
        Progress {
            events,
            vertices: HashMap::new(),
            order: Vec::new(),
            partial: Vec::new(),
            rest: Vec::new(),
            failed: None,
            error: None,
        }
    }

    /// Takes what was written, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() > LINE {
                let line = std::mem::take(&mut self.partial);
                self.line(&line);
            }
        }
    }

    /// Takes the last line.
    pub fn finish(&mut self) {
        let line = std::mem::take(&mut self.partial);
        if !line.is_empty() {
            self.line(&line);
        }
    }

    /// A step that runs for longer than `limit`.
    pub fn overdue(&self, limit: Duration) -> Option<&str> {
        self.vertices
            .values()
            .find(|v| v.step.is_some() && !v.ended && v.begun.elapsed() > limit)
            .map(|v| v.name.as_str())
    }

    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']);
        let Some((number, rest)) = vertex_line(text) else {
            if !text.trim().is_empty() {
                self.rest.push(text.to_owned());
            }
            return;
        };
        if !self.vertices.contains_key(&number) {
            if rest == "..." || is_digest(rest) {
                return;
            }
            self.begin(number, rest);
            return;
        }
        let failed = match self.vertices.get_mut(&number) {
            Some(vertex) => vertex.line(number, rest, line, self.events),
            None => None,
        };
        if let Some(message) = failed {
            self.failed = Some(number);
            self.error = Some(message);
        }
    }

    fn begin(&mut self, number: usize, name: &str) {
        let step = step(name);
        let title = match &step {
            Some(step) => step.instruction.as_str(),
            None => name.trim_start_matches("[internal]").trim_start(),
        };
        self.events.event(Event::StepStarted {
            vertex: number,
            stage: step.as_ref().and_then(|step| step.stage.as_deref()),
            name: title,
        });
        self.order.push(number);
        self.vertices.insert(
            number,
            Vertex {
                name: title.to_owned(),
                step,
                begun: Instant::now(),
                ended: false,
                cached: false,
                millis: 0,
                tail: Vec::new(),
            },
        );
    }

    /// The steps, with their lines in the file.
    pub fn steps(&self, file: &Dockerfile) -> Vec<StepReport> {
        let vertices = self.order.iter().filter_map(|number| self.vertices.get(number));
        vertices
            .filter_map(|vertex| {
                let step = vertex.step.as_ref()?;
                Some(StepReport {
                    stage: step.stage.clone(),
                    instruction: step.instruction.clone(),
                    line: line_of(file, step),
                    cached: vertex.cached,
                    millis: vertex.millis,
                    layer: None,
                })
            })
            .collect()
    }

    /// Why the build failed.
    pub fn failure(&self, file: &Dockerfile) -> Failure {
        let vertex = self.failed.and_then(|number| self.vertices.get(&number));
        let step = vertex.and_then(|vertex| vertex.step.as_ref());
        let said = self.rest.iter().rev().map(|line| line.trim()).find(|line| {
            // What a newer client says behind it: where to look for more.
            !line.is_empty() && !line.starts_with("View build details") && !line.starts_with("---")
        });
        let message = match &self.error {
            Some(error) => error.as_str(),
            None => said.unwrap_or("the reason was not given"),
        };
        Failure {
            instruction: step.map(|step| step.instruction.clone()),
            stage: step.and_then(|step| step.stage.clone()),
            work: vertex.filter(|v| v.step.is_none()).map(|v| v.name.clone()),
            line: step.map_or_else(|| parse_line(message), |step| line_of(file, step)),
            message: without_prefixes(message).to_owned(),
            output: vertex.map_or_else(String::new, |v| String::from_utf8_lossy(&v.tail).trim_end().to_owned()),
        }
    }
}

impl Vertex {
    /// One more line of it; why it failed, if it says so.
    fn line(&mut self, number: usize, rest: &str, line: &[u8], events: &dyn Sink) -> Option<String> {
        if self.ended {
            return None;
        }
        if rest == "CACHED" {
            self.cached = true;
            self.end(number, 0, events);
        } else if let Some(seconds) = rest.strip_prefix("DONE ").and_then(seconds) {
            self.end(number, seconds, events);
        } else if let Some(message) = rest.strip_prefix("ERROR: ").or_else(|| rest.strip_prefix("ERROR ")) {
            self.ended = true;
            self.millis = self.elapsed();
            let message = message.trim();
            events.event(Event::StepFailed {
                vertex: number,
                message: without_prefixes(message),
            });
            return Some(message.to_owned());
        } else if rest == "CANCELED" || rest == "CANCELLED" {
            self.ended = true;
            self.millis = self.elapsed();
        } else if let Some(bytes) = output(line) {
            let (bytes, done) = unglued(bytes, number);
            self.tail.extend_from_slice(bytes);
            if self.tail.len() > 2 * TAIL {
                self.tail.drain(..self.tail.len() - TAIL);
            }
            events.event(Event::StepOutput {
                vertex: number,
                stream: Stream::Stdout,
                bytes,
            });
            if let Some(millis) = done {
                self.end(number, millis, events);
            }
        }
        None
    }

    fn end(&mut self, number: usize, millis: u64, events: &dyn Sink) {
        self.ended = true;
        self.millis = millis;
        events.event(Event::StepDone {
            vertex: number,
            cached: self.cached,
            millis,
        });
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// `#7 rest`.
fn vertex_line(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = text.strip_prefix('#')?.split_once(' ')?;
    Some((number.parse().ok()?, rest))
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64)
}

/// What a process wrote, of `#7 0.412 text`; none where the line is of another kind.
fn output(line: &[u8]) -> Option<&[u8]> {
    let behind = |bytes: &[u8], count: usize| -> Option<usize> {
        (0..count).try_fold(0, |at, _| {
            let blank = bytes.get(at..)?.iter().position(|b| *b == b' ')?;
            Some(at + blank + 1)
        })
    };
    let first = behind(line, 1)?;
    let rest = line.get(first..)?;
    let (time, text) = match behind(rest, 1) {
        Some(at) => (rest.get(..at - 1)?, rest.get(at..)?),
        None => (rest.trim_ascii_end(), &b"\n"[..]),
    };
    let is_time = time.contains(&b'.') && time.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    is_time.then_some(text)
}

/// Output whose last line had no end, so that `#7 DONE 1.2s` stands right behind it.
fn unglued(bytes: &[u8], number: usize) -> (&[u8], Option<u64>) {
    let mark = format!("#{number} DONE ");
    let at = bytes.windows(mark.len()).rposition(|window| window == mark.as_bytes());
    let done = at.and_then(|at| {
        let time = std::str::from_utf8(bytes.get(at + mark.len()..)?).ok()?;
        Some((bytes.get(..at)?, seconds(time.trim_end())?))
    });
    match done {
        Some((text, millis)) => (text, Some(millis)),
        None => (bytes, None),
    }
}

/// `1.2s`, in milliseconds.
fn seconds(text: &str) -> Option<u64> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Some((seconds * 1000.0) as u64)
}

/// Reads `[linux/amd64 build 2/4] RUN make`; none for what is no instruction.
fn step(name: &str) -> Option<Step> {
    let (head, instruction) = name.strip_prefix('[')?.split_once("] ")?;
    let mut words: Vec<&str> = head.split_whitespace().collect();
    let (number, of) = words.pop()?.split_once('/')?;
    let stage = words.iter().rev().find(|word| !word.contains('/'));
    Some(Step {
        stage: stage.map(|stage| (*stage).to_owned()),
        number: number.parse().ok()?,
        of: of.parse().ok()?,
        instruction: instruction.to_owned(),
    })
}

/// The line at which a step stands. BuildKit counts what makes a layer in each stage.
fn line_of(file: &Dockerfile, step: &Step) -> usize {
    let stage = match &step.stage {
        None => match file.stages.as_slice() {
            [only] => Some(only),
            _ => None,
        },
        Some(name) => file.stage_by_name(name).or_else(|| {
            let number = name.strip_prefix("stage-")?.parse::<usize>().ok()?;
            file.stages.get(number)
        }),
    };
    let Some(stage) = stage else { return 0 };
    let is_image = stage.parent().is_none() && stage.base != StageRef::Scratch;
    let from = file.from_of(stage).filter(|_| is_image);
    // `FROM image` is counted, too; `FROM stage` and `FROM scratch` are not.
    let makes_layer = |keyword| matches!(keyword, Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Workdir);
    let layers = file.instructions_of(stage).iter().filter(|i| makes_layer(i.keyword));
    let steps: Vec<_> = from.into_iter().chain(layers).collect();
    // What a base image's ONBUILD adds stands right behind its FROM, and on no line.
    let added = step.of.saturating_sub(steps.len());
    let at = match step.number {
        1 if from.is_some() => Some(0),
        number => number.checked_sub(1 + added),
    };
    at.and_then(|at| steps.get(at)).map_or(0, |i| i.lines.0)
}

/// What the parts of BuildKit put before a message, one after the other.
const PREFIXES: [&str; 8] = [
    "ERROR: ",
    "error: ",
    "failed to solve: ",
    "failed to solve with frontend dockerfile.v0: ",
    "failed to solve with frontend gateway.v0: ",
    "failed to create LLB definition: ",
    "failed to build LLB: ",
    "rpc error: code = Unknown desc = ",
];

fn without_prefixes(mut message: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| message.strip_prefix(prefix)) {
        message = rest;
    }
    message
}

/// `dockerfile parse error line 2: ...`, `dockerfile parse error on line 2: ...`.
fn parse_line(message: &str) -> usize {
    let behind = message.split("parse error ").nth(1).unwrap_or_default();
    let behind = behind
        .trim_start_matches("on ")
        .strip_prefix("line ")
        .unwrap_or_default();
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// The exit code in `executor failed running [...]: exit code: 1` and what newer versions write.
pub(super) fn exit_code(message: &str) -> Option<i32> {
    let (_, behind) = message.rsplit_once("exit code: ")?;
    let digits = behind.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;
    use std::sync::Mutex;

    const FILE: &str =
        "FROM debian AS base\nARG A=1\nWORKDIR /app\nRUN echo $A\nFROM base\nCOPY --from=base /app /x\nRUN false\n";

    const TEXT: &str = "#1 [internal] load build definition from Dockerfile
#1 sha256:965ff66caef2e7dcd217f73451ee8963949925216a4355ed5d40f10907f44356
#1 transferring dockerfile: 267B done
#1 DONE 0.0s

#4 [base 1/3] FROM docker.io/library/debian
#4 CACHED

#5 [base 2/3] WORKDIR /app
#5 DONE 0.2s

#6 [base 3/3] RUN echo 1
#6 0.055 1
#6 ...

#7 [stage-1 1/2] COPY --from=base /app /x
#7 DONE 0.0s

#6 [base 3/3] RUN echo 1
#6 0.155
#6 0.255 nonl#6 DONE 1.1s

#10 [stage-1 2/2] RUN false
#10 0.064 start
#10 ERROR: executor failed running [/bin/sh -c false]: exit code: 1
------
 > [stage-1 2/2] RUN false:
------
failed to solve with frontend dockerfile.v0: failed to build LLB: executor failed running [/bin/sh -c false]: exit code: 1
";

    #[test]
    fn lines_become_steps() {
        let seen = Mutex::new(String::new());
        let sink = |event: Event<'_>| {
            let mut seen = seen.lock().expect("no panic");
            match event {
                Event::StepStarted { vertex, stage, name } => {
                    *seen += &format!("{vertex} {} {name}\n", stage.unwrap_or("-"));
                }
                Event::StepOutput { vertex, bytes, .. } => {
                    *seen += &format!("{vertex}>{}", String::from_utf8_lossy(bytes));
                }
                Event::StepDone { vertex, cached, millis } => *seen += &format!("{vertex} {cached} {millis}\n"),
                Event::StepFailed { vertex, message } => *seen += &format!("{vertex} {message}\n"),
                _ => {}
            }
        };
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", FILE));
        let mut progress = Progress::new(&sink);
        for piece in TEXT.as_bytes().chunks(7) {
            progress.feed(piece);
        }
        progress.finish();
        let steps: Vec<_> = progress
            .steps(&file)
            .into_iter()
            .map(|s| (s.line, s.cached, s.millis))
            .collect();
        assert_eq!(
            steps,
            [
                (1, true, 0),
                (3, false, 200),
                (4, false, 1100),
                (6, false, 0),
                (7, false, 0)
            ]
        );
        let failure = progress.failure(&file);
        assert_eq!((failure.line, failure.output.as_str()), (7, "start"));
        assert_eq!(exit_code(&failure.message), Some(1));
        let seen = seen.into_inner().expect("no panic");
        assert!(
            seen.starts_with("1 - load build definition from Dockerfile\n1 false 0\n4 base FROM"),
            "{seen}"
        );
        assert!(seen.contains("6>1\n") && seen.contains("6>nonl"), "{seen}");
    }

    #[test]
    fn a_parse_error_has_its_line() {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", "FROM x\nRUNX\n"));
        let mut progress = Progress::new(&());
        progress.feed(b"#2 [internal] load .dockerignore\n#2 DONE 0.0s\nfailed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 2: unknown instruction: RUNX\n");
        let failure = progress.failure(&file);
        assert_eq!(failure.line, 2);
        assert!(
            failure.message.starts_with("dockerfile parse error"),
            "{}",
            failure.message
        );
        assert_eq!(parse_line("dockerfile parse error on line 12: x"), 12);
    }
}
