//! Decides declarative checks: conditions over fields, messages and fixes from templates.

use super::check::Cx;
use super::cleanup;
use super::diagnostic::Finding;
use super::fields::{self, Element, Subject, Value};
use super::filters;
use super::matcher::{Cond, EditTemplate, FixTemplate, Matcher, Op, Part, Template, version};
use super::schema::{Field, Filter, ScopeWord};
use crate::edit::{Applicability, Edit, Fix, Isolation};
use crate::source::Span;

/// The values that fields had when a condition held: what `{field}` and `at` mean.
#[derive(Default)]
struct Captures<'a> {
    values: Vec<(Field, Value<'a>)>,
}

impl<'a> Captures<'a> {
    /// The captured value, or else the field's first.
    fn get(&self, subject: &Subject<'a>, field: Field) -> Option<Value<'a>> {
        if let Some((_, value)) = self.values.iter().find(|(f, _)| *f == field) {
            return Some(value.clone());
        }
        let mut first = None;
        fields::visit(subject, field, &mut |value| {
            first = Some(value);
            true
        });
        first
    }

    fn set(&mut self, field: Field, value: Value<'a>) {
        self.values.retain(|(f, _)| *f != field);
        self.values.push((field, value));
    }
}

/// Runs a declarative check on one subject, or on each element of the list it names.
pub fn run<'a>(cx: &mut Cx<'_>, matcher: &'static Matcher, subject: Subject<'a>) {
    if !in_scope(&subject, matcher.scope) {
        return;
    }
    match matcher.each {
        None => check(cx, matcher, &subject),
        Some(each) => fields::elements(&subject, each, &mut |element: Element<'a>| {
            check(
                cx,
                matcher,
                &Subject {
                    element: Some(element),
                    ..subject
                },
            );
        }),
    }
}

fn in_scope(subject: &Subject<'_>, scope: &[ScopeWord]) -> bool {
    scope.iter().all(|word| match word {
        ScopeWord::Ships => subject.stage.is_none_or(|s| s.ships),
        ScopeWord::Builder => subject.stage.is_some_and(|s| !s.ships),
        ScopeWord::Final => subject.stage.is_some_and(|s| Some(s.id) == subject.file.default_target),
        ScopeWord::Posix => subject.instruction.is_none_or(|i| subject.facts.is_posix(i)),
        ScopeWord::Preamble => subject.stage.is_none(),
        ScopeWord::Windows => subject.stage.is_some_and(crate::facts::windows::is_windows),
        ScopeWord::Direct => subject.instruction.is_none_or(|i| !subject.facts.in_onbuild(i)),
    })
}

fn check<'a>(cx: &mut Cx<'_>, matcher: &'static Matcher, subject: &Subject<'a>) {
    let mut captures = Captures::default();
    if !holds(&matcher.when, subject, &mut captures) {
        return;
    }
    let at = matcher.at.unwrap_or(if subject.element.is_some() {
        Field::It
    } else if subject.command.is_some() {
        Field::Name
    } else {
        Field::Keyword
    });
    let Some(span) = captures
        .get(subject, at)
        .and_then(|v| v.span)
        .or_else(|| subject.span())
    else {
        return;
    };
    let mut finding = Finding::new(span, render(&matcher.message, subject, &captures).unwrap_or_default());
    finding.help = matcher.help.as_ref().and_then(|help| render(help, subject, &captures));
    finding.fix = matcher
        .fix
        .as_ref()
        .and_then(|fix| instantiate(fix, subject, &captures));
    cx.report(finding);
}

fn holds<'a>(cond: &'static Cond, subject: &Subject<'a>, captures: &mut Captures<'a>) -> bool {
    match cond {
        Cond::Always => true,
        Cond::All(conds) => conds.iter().all(|c| holds(c, subject, captures)),
        Cond::Any(conds) => conds.iter().any(|c| holds(c, subject, captures)),
        Cond::Not(cond) => !holds(cond, subject, &mut Captures::default()),
        Cond::Test(field, Op::Absent(absent)) => {
            let found = fields::visit(subject, *field, &mut |_| true);
            found != *absent
        }
        Cond::Test(field, Op::MoreThan(count)) => {
            let mut seen = 0;
            fields::visit(subject, *field, &mut |_| {
                seen += 1;
                seen > *count
            })
        }
        Cond::Test(field, op) => {
            let mut hit = None;
            fields::visit(subject, *field, &mut |value| {
                let ok = passes(op, &value.text);
                if ok {
                    hit = Some(value);
                }
                ok
            });
            match hit {
                Some(value) => {
                    captures.set(*field, value);
                    true
                }
                None => false,
            }
        }
    }
}

fn passes(op: &'static Op, text: &str) -> bool {
    match op {
        Op::Equals(other) => text == *other,
        Op::In(list) => list.contains(&text),
        Op::Prefix(other) => text.starts_with(other),
        Op::Suffix(other) => text.ends_with(other),
        Op::Contains(other) => text.contains(other),
        Op::Regex(pattern) => pattern.is_match(text),
        Op::VersionBelow(limit) => version(text).is_some_and(|v| v.as_slice() < *limit),
        Op::Absent(_) | Op::MoreThan(_) => false,
    }
}

/// The text; none where a filter has nothing to give.
fn render<'a>(template: &Template, subject: &Subject<'a>, captures: &Captures<'a>) -> Option<String> {
    let mut out = String::new();
    for part in template.0 {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Field(field, filter) => {
                let text = captures.get(subject, *field).map(|v| v.text).unwrap_or_default();
                match filter {
                    Filter::Plain => out.push_str(&text),
                    filter => out.push_str(&filters::apply(*filter, &text, subject.file.lines.escape)?),
                }
            }
        }
    }
    Some(out)
}

/// The fix, if every field it edits has a place in the text.
fn instantiate<'a>(fix: &'static FixTemplate, subject: &Subject<'a>, captures: &Captures<'a>) -> Option<Fix> {
    let place = |field: Field| captures.get(subject, field).and_then(|v| v.span);
    let text = subject.file.source.text();
    let mut edits = Vec::new();
    for edit in fix.edits {
        match edit {
            EditTemplate::InsertArg(after, new) => {
                edits.push(Edit::insert(
                    place(*after)?.end,
                    format!(" {}", render(new, subject, captures)?),
                ));
            }
            EditTemplate::Replace(at, new) => edits.push(Edit::replace(place(*at)?, render(new, subject, captures)?)),
            EditTemplate::Delete(at) => {
                let span = place(*at)?;
                let before = text.get(..span.start)?;
                let start = before.trim_end_matches([' ', '\t']).len();
                edits.push(Edit::delete(Span::new(start, span.end)));
            }
            EditTemplate::Wrap(at, before, after) => {
                let span = place(*at)?;
                edits.push(Edit::insert(span.start, *before));
                edits.push(Edit::insert(span.end, *after));
            }
            EditTemplate::AppendCommand(new) => {
                edits.push(cleanup::append(
                    subject.facts,
                    subject.command?,
                    &render(new, subject, captures)?,
                )?);
            }
        }
    }
    let risky = fix
        .unsafe_when
        .as_ref()
        .is_some_and(|cond| holds(cond, subject, &mut Captures::default()));
    Some(Fix {
        title: render(&fix.title, subject, captures)?,
        edits,
        creates: Vec::new(),
        applicability: if risky {
            fix.applicability.min(Applicability::Unsafe)
        } else {
            fix.applicability
        },
        isolation: Isolation::None,
        effects: fix.effects.to_vec(),
        announces: Vec::new(),
    })
}
