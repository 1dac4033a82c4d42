//! tree-sitter-bash, one parser a thread, and its node kinds as an enum.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tree_sitter::{Language, ParseOptions, ParseState, Parser, Tree};

/// The node kinds that the walk looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Program,
    List,
    Pipeline,
    Redirected,
    Command,
    CommandName,
    Declaration,
    Unset,
    Test,
    Negated,
    Loop,
    Conditional,
    Function,
    CaseItem,
    Compound,
    Subshell,
    Substitution,
    Assignment,
    Assignments,
    VariableName,
    Subscript,
    Array,
    FileRedirect,
    HeredocRedirect,
    HereString,
    HeredocBody,
    HeredocStart,
    FileDescriptor,
    Expansion,
    Text,
    Literal,
    /// An anonymous token of a simple command or an expression: `export`, `[`, `==`.
    Token,
    AndIf,
    OrIf,
    Semicolon,
    Newline,
    Ampersand,
    Pipe,
    PipeAll,
    RedirectOperator,
    Comment,
    Error,
    /// Structure without a meaning of its own here.
    Other,
}

impl Kind {
    fn of(name: &str, named: bool) -> Kind {
        match name {
            "program" => Kind::Program,
            "list" => Kind::List,
            "pipeline" => Kind::Pipeline,
            "redirected_statement" => Kind::Redirected,
            "command" => Kind::Command,
            "command_name" => Kind::CommandName,
            "declaration_command" => Kind::Declaration,
            "unset_command" => Kind::Unset,
            "test_command" => Kind::Test,
            "negated_command" => Kind::Negated,
            "for_statement" | "c_style_for_statement" | "while_statement" => Kind::Loop,
            "if_statement" | "case_statement" => Kind::Conditional,
            "case_item" => Kind::CaseItem,
            "function_definition" => Kind::Function,
            "compound_statement" => Kind::Compound,
            "subshell" => Kind::Subshell,
            "command_substitution" | "process_substitution" => Kind::Substitution,
            "variable_assignment" => Kind::Assignment,
            "variable_assignments" => Kind::Assignments,
            "variable_name" | "special_variable_name" => Kind::VariableName,
            "subscript" => Kind::Subscript,
            "array" => Kind::Array,
            "file_redirect" => Kind::FileRedirect,
            "heredoc_redirect" => Kind::HeredocRedirect,
            "herestring_redirect" => Kind::HereString,
            "heredoc_body" => Kind::HeredocBody,
            "heredoc_start" => Kind::HeredocStart,
            "file_descriptor" => Kind::FileDescriptor,
            "expansion" | "simple_expansion" | "arithmetic_expansion" => Kind::Expansion,
            "string" => Kind::Text,
            "word" | "raw_string" | "translated_string" | "ansi_c_string" | "number" | "concatenation"
            | "brace_expression" | "regex" | "extglob_pattern" | "test_operator" => Kind::Literal,
            "&&" => Kind::AndIf,
            "||" => Kind::OrIf,
            ";" | ";;" => Kind::Semicolon,
            "\n" => Kind::Newline,
            "&" => Kind::Ampersand,
            "|" => Kind::Pipe,
            "|&" => Kind::PipeAll,
            "<" | ">" | ">>" | "&>" | "&>>" | "<&" | ">&" | ">|" | "<&-" | ">&-" | "<<" | "<<-" | "<<<" => {
                Kind::RedirectOperator
            }
            "comment" => Kind::Comment,
            "ERROR" => Kind::Error,
            _ if named => Kind::Other,
            _ => Kind::Token,
        }
    }
}

/// Kinds by node kind id; made by the first script, once a process.
static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let language = language();
    (0..language.node_kind_count())
        .map(|id| {
            let id = u16::try_from(id).unwrap_or(u16::MAX);
            Kind::of(
                language.node_kind_for_id(id).unwrap_or_default(),
                language.node_kind_is_named(id),
            )
        })
        .collect()
});

thread_local! {
    // Made by the first script of a thread, so that a run without RUN pays nothing.
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

fn language() -> Language {
    Language::new(tree_sitter_bash::LANGUAGE)
}

/// The meaning of each node kind id.
pub(super) fn kinds() -> &'static [Kind] {
    &KINDS
}

/// The grammar's stack makes long pipelines quadratic: 500 stages cost some 10 ms, 10,000 seconds.
const MAX_PIPES: usize = 500;

/// A command in `$( )` is part of all the words around it, each of which the walk copies.
const MAX_NESTING: usize = 200;

/// How many parentheses are open at most. Those in quotes count too, which only a script far from
/// any real one can notice.
fn nesting(bytes: &[u8]) -> usize {
    let mut open: usize = 0;
    let mut most = 0;
    for byte in bytes {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// Whether a body has what would cost too much.
pub(super) fn is_beyond(bytes: &[u8]) -> bool {
    bytes.iter().filter(|&&b| b == b'|').count() > MAX_PIPES || nesting(bytes) > MAX_NESTING
}

/// A body takes some 40 microseconds, the longest real ones a few milliseconds. Whatever takes this
/// long was made to.
const PATIENCE: Duration = Duration::from_millis(300);

/// Parses a body. None where it is one of those that cost too much, or where the runtime refuses
/// the grammar, which a matching version never does.
pub(super) fn parse(bytes: &[u8]) -> Option<Tree> {
    if is_beyond(bytes) {
        return None;
    }
    PARSER.with_borrow_mut(|slot| {
        if slot.is_none() {
            let mut parser = Parser::new();
            parser.set_language(&language()).ok()?;
            *slot = Some(parser);
        }
        let parser = slot.as_mut()?;
        // Short bodies cannot take long, and do without the clock.
        if bytes.len() < 4096 {
            return parser.parse(bytes, None);
        }
        let started = Instant::now();
        let mut patience = |_: &ParseState| match started.elapsed() < PATIENCE {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        let options = ParseOptions::new().progress_callback(&mut patience);
        let tree = parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options));
        if tree.is_none() {
            parser.reset();
        }
        tree
    })
}
