//! The scripts of a file's RUN instructions, and the shell in force at each.

use super::CommandView;
use crate::knowledge;
use crate::model::{Dockerfile, Form, ImageRef, Instruction, Kind, StageRef};
use crate::shell::{self, Dialect, Operation, Script};
use crate::source::Span;
use std::ops::Range;

/// A RUN's script and what its commands do.
#[derive(Debug)]
pub struct RunFacts {
    /// The script.
    pub script: Script,
    operations: Vec<Operation>,
    /// For each command, its part of `operations`.
    ranges: Vec<Range<usize>>,
}

impl RunFacts {
    fn new(script: Script) -> Self {
        let mut operations = Vec::new();
        let mut ranges = Vec::with_capacity(script.commands.len());
        let mut found = script.operations().into_iter().peekable();
        for index in 0..script.commands.len() {
            let start = operations.len();
            while let Some((_, operation)) = found.next_if(|(at, _)| *at == index) {
                operations.push(operation);
            }
            ranges.push(start..operations.len());
        }
        RunFacts {
            script,
            operations,
            ranges,
        }
    }

    /// What all commands do, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What the commands from this index on do.
    pub fn operations_from(&self, command: usize) -> &[Operation] {
        let start = self
            .ranges
            .get(command)
            .map_or(self.operations.len(), |range| range.start);
        self.operations.get(start..).unwrap_or_default()
    }

    /// The commands, in the order of the text.
    pub fn views<'a>(
        &'a self,
        file: &'a Dockerfile,
        instruction: &'a Instruction,
    ) -> impl Iterator<Item = CommandView<'a>> {
        self.script
            .commands
            .iter()
            .zip(&self.ranges)
            .enumerate()
            .map(move |(index, (command, range))| CommandView {
                source: &file.source,
                instruction,
                script: &self.script,
                command,
                index,
                operations: self.operations.get(range.clone()).unwrap_or_default(),
            })
    }
}

/// The script of a RUN; none for other instructions.
pub fn of_run(file: &Dockerfile, instruction: &Instruction, dialect: &Dialect) -> Option<RunFacts> {
    match &instruction.kind {
        Kind::Run { form, heredocs, .. } => Some(RunFacts::new(of_form(file, instruction, form, heredocs, dialect))),
        _ => None,
    }
}

/// The script of a shell or exec form.
pub fn of_form(
    file: &Dockerfile,
    instruction: &Instruction,
    form: &Form,
    heredocs: &[crate::syntax::Heredoc],
    dialect: &Dialect,
) -> Script {
    match form {
        Form::Exec(words) => shell::from_exec(words),
        Form::Shell(word) => shell::parse(shell::Input {
            text: file.source.text(),
            body: if word.span.is_empty() {
                instruction.arguments_span
            } else {
                word.span
            },
            escape: file.lines.escape,
            heredocs,
            dialect,
        }),
    }
}

/// The shell in force from each instruction on, for the whole file.
#[derive(Debug)]
pub struct Shells {
    /// Index of the first instruction, and the shell; ascending.
    changes: Vec<(usize, Dialect)>,
}

impl Shells {
    /// Walks the file once.
    pub fn of(file: &Dockerfile) -> Self {
        let mut changes: Vec<(usize, Dialect)> = Vec::new();
        let mut at_end: Vec<Dialect> = Vec::with_capacity(file.stages.len());
        for stage in &file.stages {
            let mut current = match &stage.base {
                StageRef::Named(parent) | StageRef::Numbered(parent) => {
                    at_end.get(parent.0).cloned().unwrap_or_default()
                }
                _ => default_shell(file, stage),
            };
            changes.push((stage.from, current.clone()));
            for instruction in file.instructions.get(stage.instructions.clone()).unwrap_or_default() {
                if let Kind::Shell(words) = &instruction.kind {
                    let words: Vec<&str> = words.iter().map(|w| w.value.as_str()).collect();
                    current = Dialect::of_shell(&words);
                    changes.push((instruction.index, current.clone()));
                }
            }
            at_end.push(current);
        }
        Shells { changes }
    }

    /// The shell in force at an instruction.
    pub fn at(&self, index: usize) -> &Dialect {
        static POSIX: Dialect = Dialect::Posix;
        let next = self.changes.partition_point(|(from, _)| *from <= index);
        next.checked_sub(1)
            .and_then(|i| self.changes.get(i))
            .map_or(&POSIX, |(_, dialect)| dialect)
    }
}

/// The shell that a base image begins with. Windows images run `cmd`; the file shows them by their
/// names, or by its escape character, which nobody else needs.
fn default_shell(file: &Dockerfile, stage: &crate::model::Stage) -> Dialect {
    let image = stage
        .image
        .as_ref()
        .map(|i| i.text.to_ascii_lowercase())
        .unwrap_or_default();
    let windows = ["windows", "nanoserver", "servercore", "ltsc20"]
        .iter()
        .any(|word| image.contains(word));
    if windows || file.lines.escape == '`' && !is_linux(file, &image) {
        return if image.contains("powershell") {
            Dialect::PowerShell
        } else {
            Dialect::Cmd
        };
    }
    if is_alpine(&image) {
        Dialect::Ash
    } else {
        Dialect::Posix
    }
}

/// Whether an image that is not Windows' by its name is not, although the file escapes as files for Windows
/// do: the table knows it, and no path or tool of Windows is named.
fn is_linux(file: &Dockerfile, image: &str) -> bool {
    let reference = ImageRef::expanded(image, Span::at(0));
    let known = knowledge::image(reference.registry.as_deref(), &reference.repository);
    let known = known.and_then(|known| known.variant(reference.tag.as_deref().unwrap_or_default()));
    let text = file.source.text().to_ascii_lowercase();
    let foreign = ["\\", "powershell", "pwsh", "cmd /", ".exe", "c:/"];
    known.is_some() && !foreign.iter().any(|word| text.contains(word))
}

fn is_alpine(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(':').next() == Some("alpine")
        || last.contains("-alpine")
        || last.contains(":alpine")
        || last.contains("busybox")
}
