//! ShellCheck: many scripts in one process, within limits of time and output.

use crate::facts::Transcript;
use crate::shell::Dialect;
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What is waited for one process.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Bytes that one process may answer with.
const OUTPUT_LIMIT: u64 = 64 * 1024 * 1024;
/// Scripts for one process, at most.
const SCRIPTS: usize = 256;
/// Scripts that are not worth another process: it starts slower than it reads these.
const LEAST: usize = 8;
/// Bytes of scripts whose answers are kept, so that a script which many files have, or the next pass
/// of a fix, costs nothing.
const KEPT: usize = 16 * 1024 * 1024;

/// What ShellCheck says on one place of a script.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remark {
    file: String,
    line: usize,
    end_line: usize,
    column: usize,
    end_column: usize,
    /// `error`, `warning`, `info` or `style`.
    pub level: String,
    /// The digits of the code.
    pub code: u16,
    /// In its words.
    pub message: String,
    fix: Option<Proposal>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Proposal {
    replacements: Vec<Replacement>,
}

/// One part of the change that ShellCheck proposes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replacement {
    line: usize,
    end_line: usize,
    column: usize,
    end_column: usize,
    insertion_point: String,
    /// The new text.
    #[serde(rename = "replacement")]
    pub text: String,
}

/// A place in [`Transcript::text`]: line and column from 1, columns in characters.
pub type Place = (usize, usize);

/// Lines that [`ShellCheck::check`] puts above each script.
const ABOVE: usize = 1;

fn place(line: usize, column: usize) -> Place {
    (line.saturating_sub(ABOVE), column)
}

impl Remark {
    /// Begin and end.
    pub fn places(&self) -> (Place, Place) {
        (place(self.line, self.column), place(self.end_line, self.end_column))
    }

    /// The change it proposes; empty where there is none.
    pub fn replacements(&self) -> &[Replacement] {
        self.fix.as_ref().map_or(&[], |fix| &fix.replacements)
    }
}

impl Replacement {
    /// Begin and end of what goes.
    pub fn places(&self) -> (Place, Place) {
        (place(self.line, self.column), place(self.end_line, self.end_column))
    }

    /// Whether an insertion belongs to what comes before it.
    pub fn follows(&self) -> bool {
        self.insertion_point == "beforeStart"
    }
}

/// Why ShellCheck gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It cannot be started, or its files not be written.
    #[error("{} cannot be run: {error}", .program.display())]
    Io {
        /// The program.
        program: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It took too long.
    #[error("{} took more than {} s and was ended", .program.display(), TIME_LIMIT.as_secs())]
    TooSlow {
        /// The program.
        program: PathBuf,
    },
    /// It said too much, or something else than it should.
    #[error("{} gave no readable answer: {why}", .program.display())]
    Unreadable {
        /// The program.
        program: PathBuf,
        /// Why.
        why: String,
    },
}

/// What a run of ShellCheck said, by script.
type Answers = HashMap<String, Arc<[Remark]>>;

/// An installed ShellCheck.
#[derive(Debug)]
pub struct ShellCheck {
    program: PathBuf,
    /// Whether it knows BusyBox's shell (0.10 and later do).
    knows_busybox: bool,
    /// Answers by the text asked about, and the bytes of those texts.
    known: Mutex<(Answers, usize)>,
}

impl ShellCheck {
    /// The program named, or `shellcheck` in one of the folders of a PATH; none where it cannot be
    /// run.
    pub fn find(named: Option<&OsStr>, path: Option<&OsStr>) -> Option<ShellCheck> {
        let program = match named {
            // It is started in another folder.
            Some(named) if Path::new(named).components().count() > 1 => std::path::absolute(named).ok()?,
            Some(named) => PathBuf::from(named),
            None => {
                let name = if cfg!(windows) { "shellcheck.exe" } else { "shellcheck" };
                // A relative folder would run what a repository brings along.
                let folders = std::env::split_paths(path?).filter(|folder| folder.is_absolute());
                folders
                    .map(|folder| folder.join(name))
                    .find(|program| program.is_file())?
            }
        };
        let mut command = Command::new(&program);
        command.arg("--version");
        let answer = ask(&program, command).ok()?;
        let version = String::from_utf8_lossy(&answer);
        let version = version.lines().find_map(|line| line.strip_prefix("version:"))?.trim();
        let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Some(ShellCheck {
            program,
            knows_busybox: version >= (0, 10),
            known: Mutex::default(),
        })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What ShellCheck says on each script, in their order.
    ///
    /// # Errors
    /// It cannot be run or does not answer within its limits.
    pub fn check(&self, scripts: &[Transcript]) -> Result<Vec<Arc<[Remark]>>, Failure> {
        let texts: Vec<Option<String>> = scripts.iter().map(|script| self.text(script)).collect();
        let mut found: Answers = HashMap::new();
        let mut open: Vec<&str> = Vec::new();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for text in texts.iter().flatten() {
                match known.0.get(text) {
                    Some(remarks) => {
                        found.insert(text.clone(), remarks.clone());
                    }
                    None => open.push(text),
                }
            }
        }
        open.sort_unstable();
        open.dedup();
        // One process a core, as long as there is enough for all of them.
        let each = open.len().div_ceil(rayon::current_num_threads()).clamp(LEAST, SCRIPTS);
        let batches: Vec<&[&str]> = open.chunks(each).collect();
        let answers: Vec<Result<Vec<Vec<Remark>>, Failure>> = batches.par_iter().map(|batch| self.run(batch)).collect();
        for (batch, answers) in batches.into_iter().zip(answers) {
            let answers = answers?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for (text, remarks) in batch.iter().zip(answers) {
                let remarks: Arc<[Remark]> = remarks.into();
                found.insert((*text).to_owned(), remarks.clone());
                if known.1 > KEPT {
                    *known = Default::default();
                }
                known.1 += text.len();
                known.0.insert((*text).to_owned(), remarks);
            }
        }
        let nothing: Arc<[Remark]> = Arc::from([]);
        let answer = |text: &Option<String>| text.as_ref().and_then(|t| found.get(t)).unwrap_or(&nothing).clone();
        Ok(texts.iter().map(answer).collect())
    }

    /// A script as it is asked about; none in a shell that ShellCheck does not know.
    fn text(&self, script: &Transcript) -> Option<String> {
        let shell = match script.dialect {
            Dialect::Posix => "sh",
            Dialect::Dash => "dash",
            Dialect::Ash if self.knows_busybox => "busybox",
            Dialect::Ash => "dash",
            Dialect::Bash => "bash",
            Dialect::Ksh => "ksh",
            Dialect::Zsh | Dialect::PowerShell | Dialect::Cmd | Dialect::Other(_) => return None,
        };
        Some(format!("# shellcheck shell={shell}\n{}", script.text()))
    }

    /// One process for some scripts.
    fn run(&self, scripts: &[&str]) -> Result<Vec<Vec<Remark>>, Failure> {
        let failed = |error| Failure::Io {
            program: self.program.clone(),
            error,
        };
        let folder = tempfile::Builder::new()
            .prefix("mbopt-shellcheck-")
            .tempdir()
            .map_err(failed)?;
        let mut command = Command::new(&self.program);
        command.args(["--format=json1", "--severity=style", "--norc"]);
        command.env_remove("SHELLCHECK_OPTS").current_dir(folder.path());
        let mut name = String::new();
        for (index, script) in scripts.iter().enumerate() {
            name.clear();
            // Writing to a string cannot fail.
            let _ = write!(name, "{index}");
            fs::write(folder.path().join(&name), script).map_err(failed)?;
            command.arg(&name);
        }
        let answer = ask(&self.program, command)?;
        #[derive(Deserialize)]
        struct Answer {
            comments: Vec<Remark>,
        }
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| Failure::Unreadable {
            program: self.program.clone(),
            why: error.to_string(),
        })?;
        let mut found: Vec<Vec<Remark>> = scripts.iter().map(|_| Vec::new()).collect();
        for remark in answer.comments {
            if let Some(remarks) = remark.file.parse().ok().and_then(|index: usize| found.get_mut(index)) {
                remarks.push(remark);
            }
        }
        Ok(found)
    }
}

/// A process that does not outlive its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command and gives what it writes; how it ends does not count, since findings make it fail.
fn ask(program: &Path, mut command: Command) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::Io {
        program: program.to_owned(),
        error,
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut running = Running(command.spawn().map_err(failed)?);
    let Some(output) = running.0.stdout.take() else {
        return Err(failed(io::Error::other("it has no output")));
    };
    let (send, receive) = mpsc::channel();
    // Ends with the process, whose end of the pipe is the only one.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(OUTPUT_LIMIT + 1).read_to_end(&mut bytes);
        // Nobody listens any more where it took too long.
        let _ = send.send(read.map(|_| bytes));
    });
    match receive.recv_timeout(TIME_LIMIT) {
        Ok(Ok(bytes)) if bytes.len() as u64 > OUTPUT_LIMIT => Err(Failure::Unreadable {
            program: program.to_owned(),
            why: "it is too long".to_owned(),
        }),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(failed(error)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(Failure::TooSlow {
            program: program.to_owned(),
        }),
    }
}
