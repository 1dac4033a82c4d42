//! One command of a RUN, with what it was found to do.

use crate::model::Instruction;
use crate::shell::operations::Operation;
use crate::shell::{Command, Script, ShellWord};
use crate::source::{SourceFile, Span};
use std::borrow::Cow;

/// One command of a RUN, seen through wrappers such as `sudo` and `env`.
pub struct CommandView<'a> {
    /// The text it stands in.
    pub source: &'a SourceFile,
    /// The RUN.
    pub instruction: &'a Instruction,
    /// Its script.
    pub script: &'a Script,
    /// The command.
    pub command: &'a Command,
    /// Its index in the script's commands.
    pub index: usize,
    /// What it does.
    pub operations: &'a [Operation],
}

impl<'a> CommandView<'a> {
    /// Name and arguments behind the wrappers.
    fn effective(&self) -> (&'a ShellWord, &'a [ShellWord]) {
        let effective = self.command.effective();
        (effective.name, effective.words)
    }

    /// The program's name, without its path.
    pub fn name(&self) -> &'a str {
        let text = self.effective().0.text.as_str();
        text.rsplit('/').next().unwrap_or(text)
    }

    /// Where the name stands.
    pub fn name_span(&self) -> Span {
        self.effective().0.span
    }

    /// The command as written.
    pub fn text(&self) -> &'a str {
        self.source.slice(self.command.span)
    }

    /// The words before the program's name that only wrap it: `sudo`, `env`, ...
    pub fn wrappers(&self) -> impl Iterator<Item = &'a ShellWord> {
        let name = self.effective().0.span;
        let before = move |word: &&ShellWord| word.span.start < name.start && !word.text.starts_with('-');
        std::iter::once(&self.command.name)
            .chain(&self.command.words)
            .take_while(before)
    }

    /// All words behind the program's name.
    pub fn words(&self) -> &'a [ShellWord] {
        self.effective().1
    }

    /// Words that are no options. Values of options that are written apart count as arguments,
    /// since only the program knows.
    pub fn arguments(&self) -> impl Iterator<Item = &'a ShellWord> {
        let mut only_arguments = false;
        self.words().iter().filter(move |word| {
            if only_arguments {
                return true;
            }
            only_arguments = word.text == "--" && !word.quoted;
            !is_option(word)
        })
    }

    /// Options and where they stand: `--name=value` as `--name`, `-ab` as `-ab`, `-a` and `-b`.
    pub fn options(&self) -> impl Iterator<Item = (Cow<'a, str>, Span)> {
        self.words()
            .iter()
            .take_while(|w| w.text != "--")
            .filter(|w| is_option(w))
            .flat_map(|word| {
                let text = word.text.as_str();
                let name = text.split('=').next().unwrap_or(text);
                let letters = if name.starts_with("--") || name.chars().count() == 2 {
                    ""
                } else {
                    name.get(1..).unwrap_or_default()
                };
                std::iter::once((Cow::Borrowed(name), word.span)).chain(
                    letters
                        .chars()
                        .map(move |letter| (Cow::Owned(format!("-{letter}")), word.span)),
                )
            })
    }

    /// Whether an option of this name is given.
    pub fn has_option(&self, name: &str) -> bool {
        self.options().any(|(option, _)| option == name)
    }
}

fn is_option(word: &ShellWord) -> bool {
    word.text.len() > 1 && word.text.starts_with('-')
}
