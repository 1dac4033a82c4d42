//! Builds the typed instructions from logical lines, and finds what BuildKit's parser refuses.
//!
//! BuildKit parses in two steps: it first splits all lines, then looks at the instructions one
//! after the other. A fault of the first kind anywhere in the file is found before one of the second.

mod arguments;
mod check;
mod flags;
mod healthcheck;
mod run;

use super::image::ImageRef;
use super::instruction::{Instruction, Keyword, Kind};
use super::refusal::{Phase, Refusal};
use super::stage::StageId;
use super::suggest::closest;
use crate::source::{SourceFile, Span};
use crate::syntax::words::{self, Split};
use crate::syntax::{Lines, LogicalLine, Word};
use std::ops::Range;

/// What is wrong with an instruction, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub message: String,
    pub span: Span,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, span: Span) -> Self {
        Fault {
            message: message.into(),
            span,
        }
    }
}

/// A FROM, with the instructions up to the next one.
#[derive(Debug)]
pub(super) struct Block {
    /// Index of the FROM.
    pub from: usize,
    /// What follows it.
    pub instructions: Range<usize>,
}

/// The instructions and what the parser refuses, before stages are told apart.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub instructions: Vec<Instruction>,
    pub blocks: Vec<Block>,
    pub refusals: Vec<Refusal>,
    /// Faults of what ONBUILD puts off, by the ONBUILD's index: they count where the stage is built on.
    pub triggers: Vec<(usize, Fault)>,
}

/// An instruction's line, and what its parts are read with.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: &'a SourceFile,
    pub line: &'a LogicalLine,
    pub escape: char,
}

/// Builds all instructions.
pub(super) fn instructions(file: &SourceFile, lines: &Lines) -> Parsed {
    let mut parsed = Parsed {
        instructions: Vec::with_capacity(lines.instructions.len()),
        ..Parsed::default()
    };
    let mut lexical = Vec::new();
    let mut faults = Vec::new();
    for (index, line) in lines.instructions.iter().enumerate() {
        let refusal = |fault: Fault| Refusal {
            phase: Phase::Parse,
            message: fault.message,
            span: fault.span,
            line: Some(line.start_line),
        };
        let source = Source {
            file,
            line,
            escape: lines.escape,
        };
        let mut built = source.instruction(0..line.joined.text().len(), index, false);
        if built.instruction.keyword == Keyword::From {
            if let Some(last) = parsed.blocks.last_mut() {
                last.instructions.end = index;
            }
            parsed.blocks.push(Block {
                from: index,
                instructions: index + 1..lines.instructions.len(),
            });
        } else if parsed.blocks.is_empty() && built.instruction.keyword != Keyword::Arg && built.fault.is_none() {
            built.fault = Some(Fault::new(
                "there is no stage yet: a Dockerfile begins with FROM, and only ARG may stand before it",
                built.instruction.keyword_span,
            ));
        }
        built.instruction.stage = parsed.blocks.len().checked_sub(1).map(StageId);
        if let Kind::Onbuild(inner) = &mut built.instruction.kind {
            inner.stage = built.instruction.stage;
        }
        built.instruction.opaque = built.fault.is_some() || built.lexical.is_some();
        faults.extend(built.fault.map(refusal));
        lexical.extend(built.lexical.map(refusal));
        parsed.triggers.extend(built.trigger.map(|fault| (index, fault)));
        parsed.instructions.push(built.instruction);
    }
    parsed.refusals = check::refusal(lines).into_iter().chain(merge(lines, lexical)).collect();
    parsed.refusals.append(&mut faults);
    parsed
}

/// The scanner's errors and those of splitting, in the order of the file.
fn merge(lines: &Lines, lexical: Vec<Refusal>) -> Vec<Refusal> {
    let mut merged = Vec::with_capacity(lines.errors.len() + lexical.len());
    let mut lexical = lexical.into_iter().peekable();
    for error in &lines.errors {
        while let Some(refusal) = lexical.next_if(|r| r.span.start < error.span.start) {
            merged.push(refusal);
        }
        merged.push(Refusal {
            phase: Phase::Parse,
            message: error.message.clone(),
            span: error.span,
            line: error.line,
        });
    }
    merged.extend(lexical);
    merged
}

/// An instruction and what is wrong with it.
pub(super) struct Built {
    pub instruction: Instruction,
    /// Found while the line is split.
    pub lexical: Option<Fault>,
    /// Found when the instruction is read.
    pub fault: Option<Fault>,
    /// Found when a stage built on this one runs what ONBUILD put off.
    pub trigger: Option<Fault>,
}

impl Source<'_> {
    /// Reads the instruction in a range of the line: the whole line, or an ONBUILD's arguments.
    pub(super) fn instruction(&self, range: Range<usize>, index: usize, nested: bool) -> Built {
        let joined = &self.line.joined;
        let Split {
            keyword: word,
            flags: flag_words,
            arguments,
        } = words::split_instruction(joined, range.clone(), self.escape);
        let keyword = Keyword::of(&word.value);
        let span = if nested {
            Span::new(word.span.start, self.line.span.end)
        } else {
            self.line.span
        };
        let arguments_span = joined.span(arguments.start, arguments.end);
        let mut built = Built {
            instruction: Instruction {
                keyword,
                keyword_span: word.span,
                span,
                arguments_span,
                lines: (self.line.start_line, self.line.end_line),
                line: index,
                index,
                stage: None,
                flags: flag_words.into_iter().map(|w| flags::read(self.file, w)).collect(),
                kind: Kind::Broken,
                opaque: false,
            },
            lexical: None,
            fault: None,
            trigger: None,
        };
        if keyword == Keyword::Unknown {
            built.fault = Some(unknown_keyword(&word));
        } else if keyword == Keyword::Onbuild {
            self.onbuild(&mut built, arguments, nested);
        } else {
            self.arguments(&mut built, arguments);
        }
        if built.lexical.is_some() || built.fault.is_some() {
            built.instruction.opaque = true;
        }
        built
    }

    fn onbuild(&self, built: &mut Built, arguments: Range<usize>, nested: bool) {
        let place = built.instruction.keyword_span;
        if arguments.is_empty() {
            built.fault = Some(Fault::new("ONBUILD needs an instruction behind it", place));
            return;
        }
        if nested {
            built.fault = Some(Fault::new("ONBUILD cannot put off another ONBUILD", place));
            return;
        }
        let inner = self.instruction(arguments, built.instruction.index, true);
        built.lexical = inner.lexical;
        built.fault = flags::check(&built.instruction.flags, &[]).or_else(|| {
            let place = inner.instruction.keyword_span;
            match inner.instruction.keyword {
                Keyword::Onbuild => Some(Fault::new("ONBUILD cannot put off another ONBUILD", place)),
                Keyword::Maintainer | Keyword::From => {
                    let name = inner.instruction.keyword.name();
                    Some(Fault::new(format!("ONBUILD cannot put off {name}"), place))
                }
                _ => None,
            }
        });
        built.trigger = inner.fault;
        built.instruction.kind = Kind::Onbuild(Box::new(inner.instruction));
    }
}

fn unknown_keyword(word: &Word) -> Fault {
    let upper = word.value.to_uppercase();
    let near = Keyword::names().find(|name| upper.starts_with(name) && upper.len() > name.len());
    let message = match (closest(&upper, Keyword::names()), near) {
        (Some(near), _) => format!("`{}` is no instruction: did you mean `{near}`?", word.value),
        (None, Some(glued)) => {
            format!(
                "`{}` is no instruction: there must be a blank behind `{glued}`",
                word.value
            )
        }
        (None, None) => format!("`{}` is no instruction that Docker knows", word.value),
    };
    Fault::new(message, word.span)
}

/// The flags that an instruction takes; whether each can stand without a value.
pub(super) fn flags_of(keyword: Keyword) -> impl Iterator<Item = (&'static str, bool)> {
    let flags = flags::of(keyword).iter();
    flags.map(|(name, takes)| (*name, *takes == flags::Takes::Switch))
}

/// The image a FROM or a `--from` names, as it stands in the file.
pub(super) fn image_of(word: &Word) -> ImageRef {
    ImageRef::of(word)
}
