//! What Buildah writes, read as events: `[1/2] STEP 2/3: RUN make` begins a step, `--> Using cache`
//! says that nothing had to be done, everything else is a process' output.

use crate::executor::engine::StepReport;
use crate::executor::event::{Event, Sink, Stream};
use crate::model::Dockerfile;
use std::time::{Duration, Instant};

/// The step that `--label` becomes.
const OWN: &str = "LABEL \"mbopt\"=";

/// The end of a step's output that is kept.
const TAIL: usize = 16 << 10;

/// Reads the lines.
pub(super) struct Steps<'a> {
    file: &'a Dockerfile,
    events: &'a dyn Sink,
    partial: [Vec<u8>; 2],
    done: Vec<StepReport>,
    running: Option<(StepReport, Instant)>,
    tail: Vec<u8>,
    code: Option<i32>,
}

/// How it ended.
pub(super) struct Outcome {
    pub steps: Vec<StepReport>,
    /// The step that failed.
    pub failed: Option<StepReport>,
    pub code: Option<i32>,
    /// The end of what was written.
    pub tail: String,
}

impl<'a> Steps<'a> {
    pub fn new(file: &'a Dockerfile, events: &'a dyn Sink) -> Steps<'a> {
        Steps {
            file,
            events,
            partial: [Vec::new(), Vec::new()],
            done: Vec::new(),
            running: None,
            tail: Vec::new(),
            code: None,
        }
    }

    /// Takes what was written, cut anywhere.
    pub fn feed(&mut self, stream: Stream, bytes: &[u8]) {
        let which = usize::from(stream == Stream::Stderr);
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let Some(partial) = self.partial.get_mut(which) else {
                return;
            };
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(partial);
                self.line(stream, &line);
            }
        }
    }

    /// A step that runs for longer than `limit`.
    pub fn overdue(&self, limit: Duration) -> Option<&str> {
        let (step, since) = self.running.as_ref()?;
        (since.elapsed() > limit).then_some(step.instruction.as_str())
    }

    fn line(&mut self, stream: Stream, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if let Some(step) = step(self.file, text) {
            self.end();
            // mbopt's own label is no instruction of the file.
            if step.instruction.starts_with(OWN) {
                return;
            }
            self.events.event(Event::StepStarted {
                vertex: self.done.len(),
                stage: step.stage.as_deref(),
                name: &step.instruction,
            });
            self.tail.clear();
            self.running = Some((step, Instant::now()));
            return;
        }
        if text.starts_with("--> ") {
            if let Some((step, _)) = &mut self.running
                && text.starts_with("--> Using cache")
            {
                step.cached = true;
            }
            return;
        }
        if let Some((_, code)) = text.rsplit_once("exit status ") {
            self.code = code.trim().parse().ok().or(self.code);
        }
        self.tail.extend_from_slice(line);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
        if self.running.is_some() {
            self.events.event(Event::StepOutput {
                vertex: self.done.len(),
                stream,
                bytes: line,
            });
        }
    }

    /// The running step is over.
    fn end(&mut self) {
        if let Some((mut step, since)) = self.running.take() {
            step.millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.events.event(Event::StepDone {
                vertex: self.done.len(),
                cached: step.cached,
                millis: step.millis,
            });
            self.done.push(step);
        }
    }

    pub fn finish(mut self, success: bool) -> Outcome {
        for (which, stream) in [Stream::Stdout, Stream::Stderr].into_iter().enumerate() {
            let rest = self.partial.get_mut(which).map(std::mem::take).unwrap_or_default();
            if !rest.is_empty() {
                self.line(stream, &rest);
            }
        }
        let mut failed = None;
        if success {
            self.end();
        } else if let Some((step, _)) = self.running.take() {
            self.events.event(Event::StepFailed {
                vertex: self.done.len(),
                message: &step.instruction,
            });
            failed = Some(step);
        }
        Outcome {
            steps: self.done,
            failed,
            code: self.code,
            tail: String::from_utf8_lossy(&self.tail).into_owned(),
        }
    }
}

/// Reads `[1/2] STEP 2/3: RUN make`; the stage's number is left out where there is one only.
fn step(file: &Dockerfile, line: &str) -> Option<StepReport> {
    let (stage, rest) = match line.strip_prefix('[') {
        Some(rest) => {
            let (numbers, rest) = rest.split_once("] ")?;
            (numbers.split('/').next()?.parse::<usize>().ok()?.checked_sub(1)?, rest)
        }
        None => (file.stages.len().checked_sub(1)?, line),
    };
    let (numbers, instruction) = rest.strip_prefix("STEP ")?.split_once(": ")?;
    let number: usize = numbers.split('/').next()?.parse().ok()?;
    let found = file.stages.get(stage);
    let written = found.and_then(|stage| match number {
        1 => file.from_of(stage),
        number => file.instructions_of(stage).get(number.checked_sub(2)?),
    });
    let name = found.and_then(|stage| stage.name.clone());
    Some(StepReport {
        stage: name.or_else(|| (file.stages.len() > 1).then(|| format!("stage-{stage}"))),
        instruction: instruction.to_owned(),
        line: written.map_or(0, |instruction| instruction.lines.0),
        cached: false,
        millis: 0,
        layer: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[test]
    fn lines_become_steps() {
        let text = "FROM a AS b\nARG X=1\nRUN echo $X\nFROM scratch\nCOPY --from=b /x /x\n";
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        let mut steps = Steps::new(&file, &());
        steps.feed(
            Stream::Stdout,
            b"[1/2] STEP 1/3: FROM a AS b\n[1/2] STEP 2/3: ARG X=1\n--> Using cache ab\n--> ab\n[1/2] ST",
        );
        steps.feed(Stream::Stderr, b"noise\n");
        steps.feed(
            Stream::Stdout,
            b"EP 3/3: RUN echo $X\nhi\n[2/2] STEP 1/2: FROM scratch\n[2/2] STEP 2/2: COPY --from=b /x /x\n",
        );
        steps.feed(Stream::Stderr, b"Error: building at STEP \"COPY\": exit status 125");
        let outcome = steps.finish(false);
        let lines: Vec<_> = outcome.steps.iter().map(|s| (s.line, s.cached)).collect();
        assert_eq!(lines, [(1, false), (2, true), (3, false), (4, false)]);
        assert_eq!(
            outcome.failed.map(|step| (step.line, step.stage)),
            Some((5, Some("stage-1".to_owned())))
        );
        assert_eq!(outcome.code, Some(125));
    }
}
