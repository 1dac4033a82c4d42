//! The vocabulary of declarative checks: what each [`Field`] means for the thing looked at.
//!
//! A field is asked of the innermost thing that has it: an element of a list, then the command,
//! then the instruction, then the stage.

use super::schema::{Each, Field};
use crate::facts::{CommandView, Facts, leftovers, pins};
use crate::knowledge;
use crate::model::instruction::{Healthcheck, Transfer};
use crate::model::{Dockerfile, Flag, Form, ImageRef, Instruction, Kind, Mount, Pair, Stage, StageRef};
use crate::shell::operations::{Operation, Package, Packages};
use crate::shell::{Selection, ShellWord};
use crate::source::Span;
use crate::syntax::Word;
use std::borrow::Cow;

/// A field's value and the words it stands for.
#[derive(Debug, Clone)]
pub struct Value<'a> {
    /// The value.
    pub text: Cow<'a, str>,
    /// Its place; none for what was derived.
    pub span: Option<Span>,
}

/// What a declarative check looks at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The file.
    pub file: &'a Dockerfile,
    /// What was derived from it.
    pub facts: &'a Facts<'a>,
    /// The stage, where there is one.
    pub stage: Option<&'a Stage>,
    /// The instruction.
    pub instruction: Option<&'a Instruction>,
    /// The command.
    pub command: Option<&'a CommandView<'a>>,
    /// The element under `each`.
    pub element: Option<Element<'a>>,
}

/// An element of a list.
#[derive(Clone, Copy)]
pub enum Element<'a> {
    /// A pair of ENV, LABEL or ARG.
    Pair(&'a Pair),
    /// A word of the instruction.
    Word(&'a Word),
    /// A mount.
    Mount(&'a Mount),
    /// A flag.
    Flag(&'a Flag),
    /// A package that a command installs.
    Package(&'a Package),
    /// An argument of a command.
    Argument(&'a ShellWord),
}

impl Subject<'_> {
    /// The whole thing's place.
    pub fn span(&self) -> Option<Span> {
        if let Some(element) = &self.element {
            return Some(element.span());
        }
        if let Some(command) = self.command {
            return Some(command.command.span);
        }
        if let Some(instruction) = self.instruction {
            return Some(instruction.span);
        }
        let from = self.stage.map(|s| s.from).unwrap_or_default();
        self.file.instructions.get(from).map(|i| i.span)
    }
}

impl Element<'_> {
    fn span(&self) -> Span {
        match self {
            Element::Pair(pair) => pair.span,
            Element::Word(word) => word.span,
            Element::Mount(mount) => mount.span,
            Element::Flag(flag) => flag.span,
            Element::Package(package) => package.span,
            Element::Argument(word) => word.span,
        }
    }
}

/// Receives values until it answers `true`: enough.
type Visitor<'v, 'a> = &'v mut dyn FnMut(Value<'a>) -> bool;

/// Shows each value of the field; whether the visitor said it has enough.
pub fn visit<'a>(subject: &Subject<'a>, field: Field, found: Visitor<'_, 'a>) -> bool {
    if let Some(element) = subject.element
        && let Some(enough) = of_element(subject, element, field, found)
    {
        return enough;
    }
    if let Some(command) = subject.command
        && let Some(enough) = of_command(subject.facts, command, field, found)
    {
        return enough;
    }
    if let Some(instruction) = subject.instruction
        && let Some(enough) = of_instruction(subject, instruction, field, found)
    {
        return enough;
    }
    match (subject.stage, field) {
        (Some(stage), Field::StageName) => stage.name.as_deref().is_some_and(|n| found(value(n, stage.name_span))),
        (Some(stage), Field::BaseRelease) => {
            let image = stage.root_image.as_ref();
            let release = image.and_then(|image| {
                let tag = image.tag.as_deref().unwrap_or_default();
                let known = knowledge::image(image.registry.as_deref(), &image.repository);
                known.map_or_else(|| knowledge::Tag::parse(tag).codename(), |known| known.suite(tag))
            });
            release.is_some_and(|r| found(value(format!("{} {}", r.product, r.version), None)))
        }
        (Some(stage), Field::User) => {
            let user = subject.facts.stage(stage.id).and_then(|f| f.user.as_ref());
            user.is_some_and(|(user, span)| found(value(user, *span)))
        }
        _ => false,
    }
}

/// Shows each element of the list.
pub fn elements<'a>(subject: &Subject<'a>, each: Each, found: &mut dyn FnMut(Element<'a>)) {
    match each {
        Each::Package => packages(subject.command)
            .flat_map(|p| &p.packages)
            .for_each(|p| found(Element::Package(p))),
        Each::Argument => {
            subject
                .command
                .into_iter()
                .flat_map(|c| c.arguments())
                .for_each(|w| found(Element::Argument(w)));
        }
        Each::Url => urls(subject.command).for_each(|w| found(Element::Argument(w))),
        Each::Pair | Each::Word | Each::Source | Each::Mount | Each::Flag => {
            let Some(instruction) = subject.instruction else { return };
            match (each, &instruction.kind) {
                (Each::Flag, _) => instruction.flags.iter().for_each(|f| found(Element::Flag(f))),
                (Each::Pair, Kind::Env(pairs) | Kind::Label(pairs) | Kind::Arg(pairs)) => {
                    pairs.iter().for_each(|p| found(Element::Pair(p)));
                }
                (Each::Word, kind) => words(kind).iter().for_each(|w| found(Element::Word(w))),
                (Each::Source, Kind::Copy(t) | Kind::Add(t)) => t.sources.iter().for_each(|w| found(Element::Word(w))),
                (Each::Mount, Kind::Run { mounts, .. }) => mounts.iter().for_each(|m| found(Element::Mount(m))),
                _ => {}
            }
        }
    }
}

fn value<'a>(text: impl Into<Cow<'a, str>>, span: impl Into<Option<Span>>) -> Value<'a> {
    Value {
        text: text.into(),
        span: span.into(),
    }
}

/// A word's text; quotes around the whole of it are taken off, as BuildKit does in the end.
fn word(word: &Word) -> Value<'_> {
    let text = word.value.as_str();
    let plain = ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains([quote, '\\'])).then_some(inner)
    });
    value(plain.unwrap_or(text), word.span)
}

fn shell_word(word: &ShellWord) -> Value<'_> {
    value(word.text.as_str(), word.span)
}

/// Words of the instructions that hold nothing else.
fn words(kind: &Kind) -> &[Word] {
    match kind {
        Kind::Expose(words) | Kind::Volume(words) | Kind::Shell(words) => words,
        Kind::User(word) | Kind::Workdir(word) | Kind::StopSignal(word) | Kind::Maintainer(word) => {
            std::slice::from_ref(word)
        }
        _ => &[],
    }
}

fn of_element<'a>(subject: &Subject<'a>, element: Element<'a>, field: Field, found: Visitor<'_, 'a>) -> Option<bool> {
    let source = &subject.file.source;
    Some(match (element, field) {
        (Element::Pair(pair), Field::It) => found(value(source.slice(pair.span), pair.span)),
        (Element::Pair(pair), Field::Key) => found(word(&pair.key)),
        (Element::Pair(pair), Field::Value) => pair.value.as_ref().is_some_and(|v| found(word(v))),
        (Element::Pair(pair), Field::PairStyle) => pair.legacy && found(value("legacy", pair.span)),
        (Element::Word(w), Field::It | Field::Word) => found(word(w)),
        (Element::Mount(mount), Field::It) => found(value(source.slice(mount.span), mount.span)),
        (Element::Mount(mount), Field::MountType) => found(value(mount.kind.as_str(), mount.span)),
        (Element::Mount(mount), Field::MountTarget) => mount.target.as_ref().is_some_and(|t| found(word(t))),
        (Element::Flag(flag), Field::It | Field::Flag) => found(value(flag.name.as_str(), flag.span)),
        (Element::Flag(flag), Field::Value) => flag.value.as_ref().is_some_and(|v| found(word(v))),
        (Element::Package(p), Field::It | Field::Package) => found(value(p.name.as_str(), p.span)),
        (Element::Package(p), Field::PackageVersion) => p.version.as_deref().is_some_and(|v| found(value(v, p.span))),
        (Element::Package(p), Field::PackageKind) => found(value(package_kind(p), p.span)),
        (Element::Argument(w), Field::It | Field::Argument) => found(shell_word(w)),
        _ => return None,
    })
}

fn package_kind(package: &Package) -> &'static str {
    match package {
        p if p.is_file => "file",
        p if p.is_variable => "variable",
        _ => "name",
    }
}

fn selection(selection: Selection) -> &'static str {
    match selection {
        Selection::Unsaid => "unsaid",
        Selection::Production => "production",
        Selection::Development => "development",
    }
}

fn packages<'a>(command: Option<&'a CommandView<'a>>) -> impl Iterator<Item = &'a Packages> {
    command.into_iter().flat_map(|c| c.operations).filter_map(|o| match o {
        Operation::Packages(packages) => Some(packages),
        _ => None,
    })
}

fn urls<'a>(command: Option<&'a CommandView<'a>>) -> impl Iterator<Item = &'a ShellWord> {
    command.into_iter().flat_map(|c| c.operations).flat_map(|o| match o {
        Operation::Download(download) => download.urls.as_slice(),
        _ => &[],
    })
}

fn of_command<'a>(facts: &Facts<'_>, view: &'a CommandView<'a>, field: Field, found: Visitor<'_, 'a>) -> Option<bool> {
    Some(match field {
        Field::Name => found(value(view.name(), view.name_span())),
        Field::Command => found(value(view.text(), view.command.span)),
        Field::Wrapper => view.wrappers().any(|w| found(shell_word(w))),
        Field::Subcommand => view.arguments().next().is_some_and(|w| found(shell_word(w))),
        Field::Argument => view.arguments().any(|w| found(shell_word(w))),
        Field::Option => view.options().any(|(name, span)| found(value(name, span))),
        Field::Redirect => view
            .command
            .redirects
            .iter()
            .filter_map(|r| r.target.as_ref())
            .any(|t| found(shell_word(t))),
        Field::Assignment => view
            .command
            .assignments
            .iter()
            .any(|a| found(value(view.source.slice(a.span), a.span))),
        Field::Url => urls(Some(view)).any(|w| found(shell_word(w))),
        Field::Manager => packages(Some(view)).any(|p| found(value(p.manager.name(), view.name_span()))),
        Field::Action => {
            packages(Some(view)).any(|p| found(value(p.action.name(), p.action_span.unwrap_or(view.name_span()))))
        }
        Field::Package => packages(Some(view))
            .flat_map(|p| &p.packages)
            .any(|p| found(value(p.name.as_str(), p.span))),
        Field::AssumeYes => packages(Some(view)).any(|p| p.assume_yes && found(value("yes", None))),
        Field::NoRecommends => packages(Some(view)).any(|p| p.no_recommends && found(value("yes", None))),
        Field::NoCache => packages(Some(view)).any(|p| p.no_cache && found(value("yes", None))),
        Field::Selection => packages(Some(view)).any(|p| found(value(selection(p.selection), view.name_span()))),
        Field::UnpinnedPackage => {
            packages(Some(view))
                .flat_map(|p| pins::unpinned(facts.file(), p, view))
                .any(|p| found(value(p.name.as_str(), p.span)))
                || pins::unpinned_program(view).is_some_and(|w| found(shell_word(w)))
        }
        Field::UnquotedVariable => {
            let variables = view.words().iter().flat_map(|w| &w.variables).filter(|v| !v.quoted);
            variables
                .into_iter()
                .any(|v| found(value(view.source.slice(v.span), v.span)))
        }
        Field::Leftover => leftovers::left_by(facts, view).is_some_and(|l| found(value(l.folder, view.name_span()))),
        _ => return None,
    })
}

fn of_instruction<'a>(
    subject: &Subject<'a>,
    instruction: &'a Instruction,
    field: Field,
    found: Visitor<'_, 'a>,
) -> Option<bool> {
    let source = &subject.file.source;
    Some(match (field, &instruction.kind) {
        (Field::Environment, _) => {
            let variables = subject.file.view_at(instruction.index).variables();
            variables.into_iter().any(|v| found(value(v.name.as_str(), None)))
        }
        (Field::Keyword, _) => found(value(
            source.slice(instruction.keyword_span).to_uppercase(),
            instruction.keyword_span,
        )),
        (Field::KeywordText, _) => found(value(source.slice(instruction.keyword_span), instruction.keyword_span)),
        (Field::Instruction, _) => {
            let lines = source.lines();
            let whole = Span::new(
                lines.start(lines.line(instruction.span.start)),
                lines.start(lines.line(instruction.span.end) + 1),
            );
            found(value(source.slice(instruction.span), whole))
        }
        (Field::Superseded, _) => {
            subject.facts.is_superseded(instruction) && found(value("yes", instruction.keyword_span))
        }
        (Field::Arguments, _) => found(value(
            source.slice(instruction.arguments_span),
            instruction.arguments_span,
        )),
        (Field::Flag, _) => instruction.flags.iter().any(|f| found(value(f.name.as_str(), f.span))),
        (Field::Form, kind) => form(kind).is_some_and(|f| {
            let name = if matches!(f, Form::Shell(_)) { "shell" } else { "exec" };
            found(value(name, instruction.arguments_span))
        }),
        (Field::CurrentUser, _) => subject
            .file
            .settings_at(instruction.index)
            .user
            .and_then(|setting| setting.value)
            .is_some_and(|user| found(value(user.to_string(), None))),
        (Field::Platform, Kind::From { platform, .. }) => platform.as_ref().is_some_and(|p| found(word(p))),
        (Field::StageName, Kind::From { name, .. }) => name.as_ref().is_some_and(|n| found(word(n))),
        (Field::AsKeyword, Kind::From { as_span, .. }) => as_span.is_some_and(|s| found(value(source.slice(s), s))),
        (Field::BaseKind, Kind::From { base, image, .. }) => found(value(base_kind(base), image.span)),
        (_, Kind::From { image, .. }) => return of_image(subject, image, field, found),
        (Field::Source, Kind::Copy(t) | Kind::Add(t)) => t.sources.iter().any(|s| found(word(s))),
        (Field::Destination, Kind::Copy(t) | Kind::Add(t)) => t.destination.as_ref().is_some_and(|d| found(word(d))),
        (Field::From, Kind::Copy(t) | Kind::Add(t)) => from(t).is_some_and(|f| found(word(f))),
        (Field::FromKind, Kind::Copy(t) | Kind::Add(t)) => t
            .from
            .as_ref()
            .is_some_and(|(w, base)| found(value(from_kind(subject, instruction, base), w.span))),
        (Field::FromKind, Kind::Run { mounts, .. }) => mounts
            .iter()
            .filter_map(|m| m.from.as_ref())
            .any(|(w, base)| found(value(from_kind(subject, instruction, base), w.span))),
        (Field::Chown, _) => flag_value(instruction, "chown").is_some_and(|w| found(word(w))),
        (Field::Chmod, _) => flag_value(instruction, "chmod").is_some_and(|w| found(word(w))),
        (Field::Key, Kind::Env(pairs) | Kind::Label(pairs) | Kind::Arg(pairs)) => {
            pairs.iter().any(|p| found(word(&p.key)))
        }
        (Field::Value, Kind::Env(pairs) | Kind::Label(pairs) | Kind::Arg(pairs)) => {
            pairs.iter().filter_map(|p| p.value.as_ref()).any(|v| found(word(v)))
        }
        (Field::PairStyle, Kind::Env(pairs) | Kind::Label(pairs)) => {
            pairs.iter().any(|p| p.legacy && found(value("legacy", p.span)))
        }
        (Field::Word, kind) => words(kind).iter().any(|w| found(word(w))),
        (Field::Healthcheck, Kind::Healthcheck(check)) => found(value(
            if matches!(check, Healthcheck::None) {
                "none"
            } else {
                "cmd"
            },
            instruction.arguments_span,
        )),
        (Field::MountType, Kind::Run { mounts, .. }) => mounts.iter().any(|m| found(value(m.kind.as_str(), m.span))),
        (Field::MountTarget, Kind::Run { mounts, .. }) => {
            mounts.iter().filter_map(|m| m.target.as_ref()).any(|t| found(word(t)))
        }
        (Field::Heredoc, Kind::Run { heredocs, .. }) => heredocs.iter().any(|h| found(value(h.name.as_str(), h.body))),
        _ => return None,
    })
}

fn form(kind: &Kind) -> Option<&Form> {
    match kind {
        Kind::Run { form, .. } | Kind::Cmd(form) | Kind::Entrypoint(form) => Some(form),
        Kind::Healthcheck(Healthcheck::Cmd(form)) => Some(form),
        _ => None,
    }
}

fn from(transfer: &Transfer) -> Option<&Word> {
    transfer.from.as_ref().map(|(word, _)| word)
}

fn flag_value<'a>(instruction: &'a Instruction, name: &str) -> Option<&'a Word> {
    instruction.flags.iter().find(|f| f.name == name)?.value.as_ref()
}

fn from_kind(subject: &Subject<'_>, instruction: &Instruction, base: &StageRef) -> &'static str {
    let (Some(own), Some(stage)) = (instruction.stage, base.stage().and_then(|id| subject.file.stage(id))) else {
        return base_kind(base);
    };
    match stage.id.cmp(&own) {
        std::cmp::Ordering::Equal => "own-stage",
        std::cmp::Ordering::Greater => "later-stage",
        std::cmp::Ordering::Less if subject.facts.is_empty_stage(stage) => "empty-stage",
        std::cmp::Ordering::Less => "stage",
    }
}

fn base_kind(base: &StageRef) -> &'static str {
    match base {
        StageRef::Named(_) | StageRef::Numbered(_) => "stage",
        StageRef::Image(_) => "image",
        StageRef::Scratch => "scratch",
        StageRef::Unknown => "unknown",
    }
}

fn of_image<'a>(subject: &Subject<'a>, image: &'a ImageRef, field: Field, found: Visitor<'_, 'a>) -> Option<bool> {
    // The parts stand in the reference in this order, each once; quotes around it do not count.
    let written = subject.file.source.slice(image.span);
    let place = |part: &str, from: usize| {
        let at = written
            .get(from..)
            .and_then(|rest| rest.find(part))
            .map(|at| image.span.start + from + at);
        at.map_or(image.span, |start| Span::new(start, start + part.len()))
    };
    let behind_registry = image.registry.as_ref().map_or(0, |r| r.len());
    let mut part = |text: Option<&'a str>, span: Span| text.is_some_and(|t| found(value(t, span)));
    Some(match field {
        Field::Image => part(Some(image.text.as_str()), image.span),
        Field::Registry => {
            let registry = image.registry.as_deref();
            part(registry, place(registry.unwrap_or_default(), 0))
        }
        Field::Repository => part(
            Some(image.repository.as_str()),
            place(&image.repository, behind_registry),
        ),
        Field::Tag => part(image.tag.as_deref(), image.tag_span.unwrap_or(image.span)),
        Field::Digest => {
            let digest = image.digest.as_deref();
            part(
                digest,
                place(digest.unwrap_or_default(), written.find('@').unwrap_or(0)),
            )
        }
        _ => return None,
    })
}
