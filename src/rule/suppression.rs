//! Takes silenced findings out, and shows what silenced nothing to the rules that ask for it.

use super::check::Rule;
use super::diagnostic::{Diagnostic, Severity};
use super::meta::RuleMeta;
use super::shellcheck;
use super::walk::Registry;
use crate::model::Dockerfile;
use crate::source::Span;
use crate::syntax::suppress::{Scope, Suppression, Suppressions};
use std::collections::HashMap;

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
    let mut findings = Findings::new(out);
    let mut named = HashMap::new();
    let mut judged = Vec::with_capacity(suppressions.list.len());
    for suppression in &suppressions.list {
        let reach = reach(file, suppression.scope);
        let judge = |(id, _): &'a (String, Span)| {
            let named = named
                .entry(id.as_str())
                .or_insert_with(|| Named::new(registry, id, severities, shellcheck_ran));
            if named.is_unknown() {
                return Judgement::Unknown;
            }
            let used = suppression.malformed.is_none() && findings.silence(out, reach, named);
            match (used, named.runs) {
                (true, _) => Judgement::Used,
                (false, true) => Judgement::Unused,
                (false, false) => Judgement::Off,
            }
        };
        let ids = suppression.ids.iter().map(judge).collect();
        judged.push(Judged { suppression, ids });
    }
    let mut silenced = findings.silenced.into_iter();
    out.retain(|_| !silenced.next().unwrap_or_default());
    judged
}

/// What an id in a comment stands for.
struct Named {
    everything: bool,
    rules: Vec<&'static Rule>,
    code: Option<&'static RuleMeta>,
    /// Whether any of it ran.
    runs: bool,
}

impl Named {
    fn new(registry: &Registry, id: &str, severities: &[Option<Severity>], shellcheck_ran: bool) -> Named {
        let everything = id == "all";
        let rules = registry.matching(id);
        let code = shellcheck::code(id);
        let mut indices = registry.indices(&rules);
        let runs = everything
            || code.is_some() && shellcheck_ran
            || indices.any(|i| severities.get(i).is_some_and(Option::is_some));
        drop(indices);
        Named {
            everything,
            rules,
            code,
            runs,
        }
    }

    fn is_unknown(&self) -> bool {
        self.rules.is_empty() && self.code.is_none() && !self.everything
    }

    fn covers(&self, found: &str) -> bool {
        let family = shellcheck::family(found);
        self.everything
            || self.code.is_some_and(|code| code.id == found)
            || self
                .rules
                .iter()
                .any(|r| r.meta.id == found || Some(r.meta.id) == family)
    }
}

/// The findings by place, so that a comment looks only at those in its reach.
struct Findings {
    /// Where each begins, with its index, in order.
    places: Vec<(usize, usize)>,
    /// By index.
    silenced: Vec<bool>,
}

impl Findings {
    fn new(out: &[Diagnostic]) -> Findings {
        let mut places: Vec<(usize, usize)> = out.iter().map(|d| d.primary.span.start).zip(0..).collect();
        places.sort_unstable();
        Findings {
            places,
            silenced: vec![false; out.len()],
        }
    }

    /// Marks what is named and begins within `reach`; whether there was any that nothing silenced yet.
    fn silence(&mut self, out: &[Diagnostic], reach: Option<Span>, named: &Named) -> bool {
        let (from, to) = reach.map_or((0, self.places.len()), |span| {
            (
                self.places.partition_point(|(start, _)| *start < span.start),
                self.places.partition_point(|(start, _)| *start <= span.end),
            )
        });
        let mut any = false;
        for &(_, index) in self.places.get(from..to).unwrap_or_default() {
            if let (Some(finding), Some(silenced @ false)) = (out.get(index), self.silenced.get_mut(index))
                && named.covers(finding.rule.id)
            {
                *silenced = true;
                any = true;
            }
        }
        any
    }
}
