//! Typed instructions.

use super::image::ImageRef;
use super::stage::{StageId, StageRef};
use crate::source::Span;
use crate::syntax::{Heredoc, Word};

/// The instructions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
    /// Anything else: BuildKit refuses it.
    Unknown,
}

/// Every keyword BuildKit knows, as people write it.
const KEYWORDS: [(Keyword, &str); 18] = [
    (Keyword::Add, "ADD"),
    (Keyword::Arg, "ARG"),
    (Keyword::Cmd, "CMD"),
    (Keyword::Copy, "COPY"),
    (Keyword::Entrypoint, "ENTRYPOINT"),
    (Keyword::Env, "ENV"),
    (Keyword::Expose, "EXPOSE"),
    (Keyword::From, "FROM"),
    (Keyword::Healthcheck, "HEALTHCHECK"),
    (Keyword::Label, "LABEL"),
    (Keyword::Maintainer, "MAINTAINER"),
    (Keyword::Onbuild, "ONBUILD"),
    (Keyword::Run, "RUN"),
    (Keyword::Shell, "SHELL"),
    (Keyword::StopSignal, "STOPSIGNAL"),
    (Keyword::User, "USER"),
    (Keyword::Volume, "VOLUME"),
    (Keyword::Workdir, "WORKDIR"),
];

impl Keyword {
    /// The keyword that a word is, in any case; [`Keyword::Unknown`] for every other word.
    pub fn of(word: &str) -> Keyword {
        let same = |name: &str| {
            name.eq_ignore_ascii_case(word) || (!word.is_ascii() && word.to_lowercase() == name.to_ascii_lowercase())
        };
        KEYWORDS
            .iter()
            .find(|(_, name)| same(name))
            .map_or(Keyword::Unknown, |(k, _)| *k)
    }

    /// The keyword in capitals; empty for [`Keyword::Unknown`].
    pub fn name(self) -> &'static str {
        KEYWORDS.iter().find(|(k, _)| *k == self).map_or("", |(_, name)| name)
    }

    /// The flags that the instruction takes, without dashes; whether each can stand without a value.
    pub fn flags(self) -> impl Iterator<Item = (&'static str, bool)> {
        super::build::flags_of(self)
    }

    /// All names in capitals, in alphabetical order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KEYWORDS.iter().map(|(_, name)| *name)
    }
}

/// A flag before the arguments: `--name` or `--name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The name without the dashes.
    pub name: String,
    /// The value, if there is a `=`.
    pub value: Option<Word>,
    /// The whole flag.
    pub span: Span,
}

/// `KEY=VALUE`, or the old `KEY VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key, as written (quotes kept).
    pub key: Word,
    /// The value, as written (quotes kept); absent for `ARG NAME`.
    pub value: Option<Word>,
    /// Whether it is written with a blank instead of `=`.
    pub legacy: bool,
    /// The whole pair.
    pub span: Span,
}

/// How RUN, CMD, ENTRYPOINT and HEALTHCHECK CMD are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A script for the shell: everything behind the flags, heredocs excluded.
    Shell(Word),
    /// A JSON array.
    Exec(Vec<Word>),
}

/// One `RUN --mount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `bind` (the default), `cache`, `tmpfs`, `secret`, `ssh`.
    pub kind: String,
    /// `target`, `dst` or `destination`.
    pub target: Option<Word>,
    /// `source` or `src`.
    pub source: Option<Word>,
    /// `from`, and what it refers to.
    pub from: Option<(Word, StageRef)>,
    /// `id`.
    pub id: Option<Word>,
    /// All `key=value` parts in order (keys lower-cased; a flag without value has none).
    pub options: Vec<(String, Option<Word>)>,
    /// The whole flag.
    pub span: Span,
}

impl Mount {
    /// Whether the option is there, with or without a value.
    pub fn has(&self, key: &str) -> bool {
        self.options.iter().any(|(k, _)| k == key)
    }

    /// The last value given for an option.
    pub fn value(&self, key: &str) -> Option<&Word> {
        self.options
            .iter()
            .rev()
            .find(|(k, _)| k == key)
            .and_then(|(_, v)| v.as_ref())
    }
}

/// What COPY and ADD have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transfer {
    /// Sources, heredoc sources excluded.
    pub sources: Vec<Word>,
    /// Destination; absent only in a broken instruction.
    pub destination: Option<Word>,
    /// `--from`, and what it refers to.
    pub from: Option<(Word, StageRef)>,
    /// Written as a JSON array.
    pub json: bool,
    /// Inline files: heredocs among the sources.
    pub inline: Vec<Heredoc>,
}

/// HEALTHCHECK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// `HEALTHCHECK NONE`.
    None,
    /// `HEALTHCHECK CMD ...`.
    Cmd(Form),
}

/// What an instruction says. Variables are not expanded here; see [`super::Scope`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    From {
        image: ImageRef,
        base: StageRef,
        platform: Option<Word>,
        name: Option<Word>,
        as_span: Option<Span>,
    },
    Run {
        form: Form,
        mounts: Vec<Mount>,
        heredocs: Vec<Heredoc>,
    },
    Copy(Transfer),
    Add(Transfer),
    Env(Vec<Pair>),
    Label(Vec<Pair>),
    Arg(Vec<Pair>),
    Cmd(Form),
    Entrypoint(Form),
    Shell(Vec<Word>),
    Healthcheck(Healthcheck),
    Expose(Vec<Word>),
    Volume(Vec<Word>),
    User(Word),
    Workdir(Word),
    StopSignal(Word),
    Maintainer(Word),
    Onbuild(Box<Instruction>),
    /// An unknown keyword, or arguments that BuildKit refuses.
    Broken,
}

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// What it is.
    pub keyword: Keyword,
    /// The keyword as written.
    pub keyword_span: Span,
    /// The whole instruction, heredocs included.
    pub span: Span,
    /// Everything behind keyword and flags, heredocs excluded; empty where nothing is there.
    pub arguments_span: Span,
    /// First and last line, from 1.
    pub lines: (usize, usize),
    /// Its logical line: an index into `Lines::instructions`. An ONBUILD's inner instruction has
    /// the outer one's.
    pub line: usize,
    /// Index in `Dockerfile::instructions`; an ONBUILD's inner instruction has the outer one's.
    pub index: usize,
    /// The stage it belongs to; none before the first FROM.
    pub stage: Option<StageId>,
    /// Flags in order.
    pub flags: Vec<Flag>,
    /// What it says.
    pub kind: Kind,
    /// BuildKit refuses it, or what it says could not be understood. [`super::Dockerfile::is_opaque`]
    /// also asks the grammar.
    pub opaque: bool,
}

impl Instruction {
    /// The first flag of that name.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|f| f.name == name)
    }

    /// The values of all flags of that name.
    pub fn flag_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Word> {
        self.flags
            .iter()
            .filter(move |f| f.name == name)
            .filter_map(|f| f.value.as_ref())
    }

    /// The instruction itself, or what an ONBUILD puts off.
    pub fn inner(&self) -> &Instruction {
        match &self.kind {
            Kind::Onbuild(inner) => inner,
            _ => self,
        }
    }

    /// COPY's or ADD's arguments.
    pub fn transfer(&self) -> Option<&Transfer> {
        match &self.kind {
            Kind::Copy(transfer) | Kind::Add(transfer) => Some(transfer),
            _ => None,
        }
    }
}
