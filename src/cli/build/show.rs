//! A build as it goes: a line for each running step on a terminal, a line for each step that ends
//! elsewhere.

use super::super::console::say;
use super::summary::seconds;
use crate::executor::{Event, Sink};
use crate::report::size;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How a terminal's line is drawn: it turns, says what, for how long, and what was written last.
const LINE: &str = "{spinner} {prefix} {elapsed:.dim} {wide_msg:.dim}";

/// How often it turns.
const TURN: Duration = Duration::from_millis(120);

/// Shows events on standard error.
pub struct Show {
    quiet: bool,
    verbose: bool,
    bars: Option<MultiProgress>,
    steps: Mutex<HashMap<usize, Step>>,
}

struct Step {
    title: String,
    bar: Option<ProgressBar>,
    /// Output whose line has no end yet.
    partial: Vec<u8>,
}

impl Show {
    /// Nothing but warnings when `quiet`; all output of steps when `verbose`; lines that change where
    /// standard error is a terminal that can do that.
    pub fn new(quiet: bool, verbose: bool, terminal: bool) -> Show {
        let terminal = terminal && !quiet && !verbose && std::io::IsTerminal::is_terminal(&std::io::stderr());
        Show {
            quiet,
            verbose,
            bars: terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            steps: Mutex::default(),
        }
    }

    /// Takes the lines away that still turn.
    pub fn end(&self) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, step) in steps.drain() {
            if let Some(bar) = step.bar {
                bar.finish_and_clear();
            }
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| say(text)),
            None => say(text),
        }
    }

    fn started(&self, stage: Option<&str>, name: &str) -> Step {
        let name: String = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let title = match stage {
            Some(stage) => format!("[{stage}] {name}"),
            None => name,
        };
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template(LINE) {
                bar.set_style(style);
            }
            bar.set_prefix(cut(&title, 60));
            bar.enable_steady_tick(TURN);
            bar
        });
        if self.verbose {
            self.line(&title);
        }
        Step {
            title,
            bar,
            partial: Vec::new(),
        }
    }

    fn output(&self, step: &mut Step, bytes: &[u8]) {
        step.partial.extend_from_slice(bytes);
        while let Some(end) = step.partial.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = step.partial.drain(..=end).collect();
            let line = printable(&line);
            if let Some(bar) = &step.bar {
                bar.set_message(line);
            } else if self.verbose {
                self.line(&format!("  | {line}"));
            }
        }
        if step.partial.len() > 1 << 16 {
            step.partial.clear();
        }
    }
}

impl Sink for Show {
    fn event(&self, event: Event<'_>) {
        if let Event::Warning { message } = event {
            self.line(&format!("warning: {message}"));
            return;
        }
        if self.quiet {
            return;
        }
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StepStarted { vertex, stage, name } => {
                let step = self.started(stage, name);
                steps.insert(vertex, step);
            }
            Event::StepOutput { vertex, bytes, .. } => {
                if let Some(step) = steps.get_mut(&vertex) {
                    self.output(step, bytes);
                }
            }
            Event::StepDone { vertex, cached, millis } => {
                if let Some(step) = steps.remove(&vertex) {
                    if let Some(bar) = &step.bar {
                        bar.finish_and_clear();
                    }
                    let how = match cached {
                        true => "cached".to_owned(),
                        false => seconds(Duration::from_millis(millis)),
                    };
                    self.line(&format!("{how:>8}  {}", cut(&step.title, 110)));
                }
            }
            Event::StepFailed { vertex, .. } => {
                if let Some(step) = steps.remove(&vertex) {
                    if let Some(bar) = &step.bar {
                        bar.finish_and_clear();
                    }
                    self.line(&format!("{:>8}  {}", "FAILED", cut(&step.title, 110)));
                }
            }
            Event::Progress {
                vertex,
                what,
                done,
                total,
            } => {
                if let Some(bar) = steps.get(&vertex).and_then(|step| step.bar.as_ref()) {
                    bar.set_message(match total {
                        Some(total) => format!("{what} {} of {}", size(done), size(total)),
                        None => format!("{what} {}", size(done)),
                    });
                }
            }
            Event::Warning { .. } => {}
        }
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(3)).collect();
    short.push_str("...");
    short
}

/// A line without what would move a terminal's cursor; behind a carriage return only what stands
/// last.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\n', '\r']);
    let text = text.rsplit('\r').next().unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            // An escape sequence ends with a letter.
            '\u{1b}' => {
                let _ = chars.by_ref().find(char::is_ascii_alphabetic);
            }
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_cannot_move_the_cursor() {
        assert_eq!(printable(b"10%\r20%\r30%\n"), "30%");
        assert_eq!(printable(b"\x1b[31mred\x1b[0m\tx\x07\n"), "red x");
        assert_eq!(cut("abcdef", 5), "ab...");
    }
}
