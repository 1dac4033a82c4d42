//! Takes silenced findings out, and shows what silenced nothing to the rules that ask for it.

use super::diagnostic::{Diagnostic, Severity};
use super::shellcheck;
use super::walk::Registry;
use crate::model::Dockerfile;
use crate::source::Span;
use crate::syntax::suppress::{Scope, Suppression, Suppressions};

/// A comment and, for each of its ids, whether it silenced anything.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The comment.
    pub suppression: &'a Suppression,
    /// In the order of its ids.
    pub ids: Vec<Judgement>,
}

/// What became of an id in a comment that silences findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It silenced a finding.
    Used,
    /// Its rule ran and found nothing there.
    Unused,
    /// Its rule did not run.
    Off,
    /// No rule has this id or alias.
    Unknown,
}

/// The part of the file in which a comment holds; none for the whole file.
fn reach(file: &Dockerfile, scope: Scope) -> Option<Span> {
    match scope {
        Scope::File => None,
        Scope::Instruction(index) => Some(file.instructions.get(index).map_or(Span::at(usize::MAX), |i| i.span)),
        Scope::Stage(index) => {
            let stage = file
                .instructions
                .get(index)
                .and_then(|i| i.stage)
                .and_then(|id| file.stage(id));
            let Some(stage) = stage else {
                return Some(Span::at(usize::MAX));
            };
            let start = file.from_of(stage).map_or(0, |i| i.span.start);
            let end = file
                .instructions_of(stage)
                .last()
                .or(file.from_of(stage))
                .map_or(0, |i| i.span.end);
            Some(Span::new(start, end))
        }
    }
}

/// Takes the silenced findings out of `out` and says what each comment did.
pub(super) fn filter<'a>(
    registry: &Registry,
    file: &Dockerfile,
    suppressions: &'a Suppressions,
    severities: &[Option<Severity>],
    shellcheck_ran: bool,
    out: &mut Vec<Diagnostic>,
) -> Vec<Judged<'a>> {
    let mut judged = Vec::with_capacity(suppressions.list.len());
    for suppression in &suppressions.list {
        let mut ids = Vec::with_capacity(suppression.ids.len());
        let reach = reach(file, suppression.scope);
        for (id, _) in &suppression.ids {
            let everything = id == "all";
            let rules = registry.matching(id);
            let code = shellcheck::code(id);
            if rules.is_empty() && code.is_none() && !everything {
                ids.push(Judgement::Unknown);
                continue;
            }
            let named = |found: &str| {
                let family = shellcheck::family(found);
                code.is_some_and(|code| code.id == found)
                    || rules.iter().any(|r| r.meta.id == found || Some(r.meta.id) == family)
            };
            let before = out.len();
            if suppression.malformed.is_none() {
                out.retain(|d| {
                    let covered =
                        reach.is_none_or(|span| span.start <= d.primary.span.start && d.primary.span.start <= span.end);
                    !(covered && (everything || named(d.rule.id)))
                });
            }
            let runs = everything
                || code.is_some() && shellcheck_ran
                || registry
                    .indices(&rules)
                    .any(|i| severities.get(i).is_some_and(Option::is_some));
            ids.push(match (out.len() < before, runs) {
                (true, _) => Judgement::Used,
                (false, true) => Judgement::Unused,
                (false, false) => Judgement::Off,
            });
        }
        judged.push(Judged { suppression, ids });
    }
    judged
}
