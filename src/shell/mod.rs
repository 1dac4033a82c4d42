//! The scripts inside RUN, HEALTHCHECK, CMD and ENTRYPOINT: every command with its words,
//! redirects and structure, each with its bytes in the Dockerfile.
//!
//! [`parse`] masks the body in place (comment lines, continuations, heredoc operators) and hands it
//! to tree-sitter-bash, so that a node's byte is a byte of the file minus a constant; one walk turns
//! the tree into a flat [`Script`]. [`operations`] says what its commands install, fetch, build or
//! remove. PowerShell, cmd and other interpreters are recognised and left alone.

mod dialect;
mod grammar;
mod mask;
mod nested;
pub mod operations;
mod paths;
mod plain;
mod walk;
mod word;
mod wrappers;

pub use dialect::{Dialect, is_builtin, is_errexit};
pub use operations::{Action, Build, BuildTool, Manager, Operation, Package, Packages, Selection};
pub use paths::lies_in;
pub use word::{ShellWord, Variable};
pub use wrappers::{Effective, in_front};

use crate::source::Span;
use crate::syntax::{Heredoc, Word};
use std::ops::Range;

/// Bodies above this size (bytes) are not parsed: no one writes them, and a hostile one must not
/// cost seconds. Such a script has [`Script::has_error`] and no commands.
pub const MAX_BODY: usize = 256 * 1024;

/// What [`parse`] needs to know of an instruction.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The whole Dockerfile.
    pub text: &'a str,
    /// Everything behind keyword and flags, heredocs excluded. Comment lines and blank lines inside
    /// a continuation are found again here: every physical line but the first that is blank or
    /// begins with `#` is one.
    pub body: Span,
    /// The escape character in force.
    pub escape: char,
    /// The instruction's heredocs, in order.
    pub heredocs: &'a [Heredoc],
    /// What SHELL, or the platform's default, makes of it.
    pub dialect: &'a Dialect,
}

/// A script: the shell form of an instruction, or a heredoc that is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The language. Where it is not [posix-like](Dialect::is_posix_like), there are no commands.
    pub dialect: Dialect,
    /// The script's bytes: the instruction's body, or the heredoc's.
    pub span: Span,
    /// Every command, those in groups, substitutions and nested scripts included, by where it
    /// begins (nested scripts and substitutions come behind the command that holds them).
    pub commands: Vec<Command>,
    /// The top level: what is joined by `&&`, `||`, `;`, `&` or line ends.
    pub chain: Vec<Link>,
    /// Redirects of groups and compounds: `{ a; b; } > x`, with the commands they hold for.
    pub group_redirects: Vec<(Range<usize>, Redirect)>,
    /// A `#` comment that runs to the end of the glued line, and so disables what follows it.
    pub trailing_comment: Option<Span>,
    /// Whether the grammar found something it could not read; commands are then those of the parts
    /// that it could, and edits are not safe. It is no proof that a shell would refuse the script.
    pub has_error: bool,
    /// Where.
    pub errors: Vec<Span>,
}

/// One simple command. `export`, `unset` and `[` count as commands; assignments on their own make a
/// command without a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Assignments, name, arguments and redirects.
    pub span: Span,
    /// The name; empty text and span where there are only assignments or redirects.
    pub name: ShellWord,
    /// The arguments.
    pub words: Vec<ShellWord>,
    /// `A=b` in front, or what `export` and its like assign (those are not in `words`).
    pub assignments: Vec<Assignment>,
    /// Its own redirects.
    pub redirects: Vec<Redirect>,
    /// Where it stands in the script.
    pub place: Place,
}

/// `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name, an index (`a[1]`) included.
    pub name: String,
    /// The value; none where it is empty or an array.
    pub value: Option<ShellWord>,
    /// The whole assignment.
    pub span: Span,
}

/// A redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The descriptor written in front.
    pub fd: Option<u32>,
    /// `>`, `>>`, `<`, `2>&1`'s `>&`, `<<`, `<<<` and so on, as written.
    pub operator: String,
    /// The file, descriptor, heredoc delimiter or string; none for `>&-`.
    pub target: Option<ShellWord>,
    /// For a heredoc of the instruction: its index.
    pub heredoc: Option<usize>,
    /// The whole redirect; of a heredoc, the operator and delimiter.
    pub span: Span,
}

/// What stands between two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `&&`.
    AndIf,
    /// `||`.
    OrIf,
    /// `;`, also the `;;` of a `case`.
    Semicolon,
    /// A line end, in a heredoc.
    Newline,
    /// `&`.
    Background,
    /// `|`.
    Pipe,
    /// `|&`.
    PipeAll,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// How many groups, compounds, substitutions and nested scripts are around it.
    pub depth: u32,
    /// In `( )`.
    pub in_subshell: bool,
    /// In `$( )`, backquotes, `<( )` or `>( )`.
    pub in_substitution: bool,
    /// Position (from 0) and number of commands of the innermost pipeline around it.
    pub pipeline: Option<(u32, u32)>,
    /// In `for`, `while`, `until`, `select`.
    pub in_loop: bool,
    /// In `if` or `case`, conditions included.
    pub in_conditional: bool,
    /// In a function's body.
    pub in_function: bool,
    /// Directly behind `!`.
    pub negated: bool,
    /// Run with `&`.
    pub background: bool,
    /// In a script that another shell runs: `sh -c '...'`, `bash <<EOF`.
    pub nested: bool,
    /// What joins it to the command before it in the same list or pipeline.
    pub operator: Option<Operator>,
    /// The link of [`Script::chain`] that holds it.
    pub link: Option<usize>,
}

/// One element of the top level: a command, pipeline, group or compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its bytes, its redirects included.
    pub span: Span,
    /// What joins it to the link before, and where that stands; none for the first.
    pub operator: Option<(Operator, Span)>,
    /// Its commands in [`Script::commands`].
    pub commands: Range<usize>,
    /// The `|` and `|&` of a pipeline.
    pub pipes: Vec<Span>,
    /// A single command or a pipeline of them, not a group, compound or function.
    pub is_simple: bool,
}

impl Script {
    /// A script without commands: one in a language that is left alone, or one too big.
    fn opaque(dialect: Dialect, span: Span, has_error: bool) -> Script {
        Script {
            dialect,
            has_error,
            ..Script::empty(span)
        }
    }

    fn empty(span: Span) -> Script {
        Script {
            dialect: Dialect::Posix,
            span,
            commands: Vec::new(),
            chain: Vec::new(),
            group_redirects: Vec::new(),
            trailing_comment: None,
            has_error: false,
            errors: Vec::new(),
        }
    }

    /// The commands of a link.
    pub fn link_commands(&self, link: &Link) -> &[Command] {
        self.commands.get(link.commands.clone()).unwrap_or_default()
    }

    /// What the commands do, with the index of the command that does it, in order.
    pub fn operations(&self) -> Vec<(usize, Operation)> {
        let mut found = Vec::new();
        for (index, command) in self.commands.iter().enumerate() {
            operations::collect(command, |operation| found.push((index, operation)));
        }
        found
    }
}

impl Command {
    /// The name's last path component: `apt-get` for `/usr/bin/apt-get`.
    pub fn base_name(&self) -> &str {
        dialect::base_name(&self.name.text)
    }
}

/// Whether a script's text is so large or so deep that it is not read: it then has an error, and no
/// commands.
pub fn is_beyond(body: &str) -> bool {
    body.len() > MAX_BODY || grammar::is_beyond(body.as_bytes())
}

/// Reads the script of a shell-form instruction. Never fails; see [`Script::has_error`].
pub fn parse(input: Input) -> Script {
    let Some(body) = input.text.get(input.body.range()) else {
        return Script::opaque(input.dialect.clone(), input.body, true);
    };
    if !input.dialect.is_posix_like() {
        return Script::opaque(input.dialect.clone(), input.body, false);
    }
    if body.len() > MAX_BODY {
        return Script::opaque(input.dialect.clone(), input.body, true);
    }
    let masked = mask::instruction(body, input.escape, input.heredocs);
    // BuildKit runs the heredoc itself where it is the only word, and gives it to the shell otherwise.
    if let [heredoc] = input.heredocs
        && masked
            .bytes
            .iter()
            .all(|b| b.is_ascii_whitespace() || *b == mask::FILLER)
    {
        return heredoc_script(input.text, heredoc.body, input.dialect);
    }
    let mut script = walk::script(masked.bytes, input.body.start, true, input.dialect.clone());
    for (index, (range, heredoc)) in masked.operators.iter().zip(input.heredocs).enumerate() {
        attach_heredoc(&mut script, input, index, mask::span(input.body.start, range), heredoc);
    }
    script
}

/// Reads a script whose lines a shell sees as they are: a heredoc's body, or a file's.
pub fn heredoc_script(text: &str, span: Span, dialect: &Dialect) -> Script {
    let Some(body) = text.get(span.range()) else {
        return Script::opaque(dialect.clone(), span, true);
    };
    let dialect = Dialect::of_shebang(body).unwrap_or_else(|| dialect.clone());
    if !dialect.is_posix_like() {
        return Script::opaque(dialect, span, false);
    }
    if body.len() > MAX_BODY {
        return Script::opaque(dialect, span, true);
    }
    walk::script(mask::heredoc(body), span.start, false, dialect)
}

/// The exec form's one command, its strings as words; nested scripts (`["sh", "-c", "..."]`) are
/// read where their bytes in the file are what the shell gets.
pub fn from_exec(words: &[Word]) -> Script {
    let span = match (words.first(), words.last()) {
        (Some(first), Some(last)) => first.span.to(last.span),
        _ => return Script::empty(Span::at(0)),
    };
    let mut script = Script::empty(span);
    let mut words = words.iter().map(|w| ShellWord::exact(&w.value, w.span));
    let Some(name) = words.next() else { return script };
    script.commands.push(Command {
        span,
        name,
        words: words.collect(),
        assignments: Vec::new(),
        redirects: Vec::new(),
        place: Place {
            link: Some(0),
            ..Place::default()
        },
    });
    nested::exec(&mut script);
    script.chain.push(Link {
        span,
        operator: None,
        commands: 0..script.commands.len(),
        pipes: Vec::new(),
        is_simple: true,
    });
    script
}

/// Gives a heredoc to the command that it is written behind; a shell's is read as a script.
fn attach_heredoc(script: &mut Script, input: Input, index: usize, span: Span, heredoc: &Heredoc) {
    let redirect = Redirect {
        fd: (heredoc.fd != 0).then_some(heredoc.fd),
        operator: if heredoc.chomp { "<<-" } else { "<<" }.to_owned(),
        target: Some(ShellWord::exact(&heredoc.name, span)),
        heredoc: Some(index),
        span,
    };
    // Usually it stands behind its command's name; in `a && <<EOF b` before it.
    let leading = script
        .chain
        .iter()
        .find(|link| link.span.start >= span.end && link.operator.is_none_or(|(_, op)| op.end <= span.start))
        .map(|link| link.commands.start);
    let behind = || {
        script
            .commands
            .iter()
            .rposition(|c| c.span.start <= span.start && !c.place.nested)
    };
    let Some(owner) = leading.or_else(behind) else { return };
    let Some(command) = script.commands.get_mut(owner) else {
        return;
    };
    command.redirects.push(redirect);
    command.span = command.span.to(span);
    let place = command.place;
    if let Some(link) = place.link.and_then(|l| script.chain.get_mut(l)) {
        link.span = link.span.to(span);
    }
    let Some(command) = script.commands.get(owner) else {
        return;
    };
    if nested::reads_script_from_input(command) && heredoc.fd == 0 {
        let inner = heredoc_script(input.text, heredoc.body, input.dialect);
        nested::insert(script, owner, inner, place);
    }
}
