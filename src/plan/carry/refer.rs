//! ARGs that settings of the new stage refer to.

use crate::model::{Instruction, Kind};
use crate::plan::deal::Deal;
use crate::plan::role::Role;
use crate::plan::site::Site;
use std::collections::BTreeSet;

/// The ARGs that must be declared again: those that kept settings, and commands and copies that run
/// in the new stage too, refer to, and those that these refer to.
pub fn arguments(site: &Site<'_>, deal: &Deal, settings: &BTreeSet<usize>) -> BTreeSet<usize> {
    let runs = |at: usize| {
        let mut dealt = site.roles.iter().zip(&deal.lots);
        dealt.any(|(r, lot)| r.place.instruction == at && lot.runtime)
    };
    // A program that runs in the new stage may read any of them from its environment.
    let reader = site
        .roles
        .iter()
        .zip(&deal.lots)
        .filter(|(r, lot)| lot.runtime && matches!(r.role, Role::Unknown | Role::Build))
        .map(|(r, _)| r.place.instruction)
        .max();
    let all: Vec<&Instruction> = site.instructions().collect();
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    for instruction in &all {
        let expands = match &instruction.kind {
            // CMD and ENTRYPOINT are not expanded by the build.
            Kind::Cmd(_) | Kind::Entrypoint(_) | Kind::Healthcheck(_) => false,
            _ => settings.contains(&instruction.index) || runs(instruction.index),
        };
        if expands {
            names(site.file().source.slice(instruction.span), &mut wanted);
        }
    }
    let mut out = BTreeSet::new();
    for instruction in all.iter().rev() {
        let Kind::Arg(pairs) = &instruction.kind else { continue };
        if pairs.iter().any(|pair| wanted.contains(pair.key.value.as_str()))
            || reader.is_some_and(|at| instruction.index < at)
        {
            out.insert(instruction.index);
            names(site.file().source.slice(instruction.arguments_span), &mut wanted);
        }
    }
    out
}

/// The names of variables that a text refers to: `$NAME` and `${NAME...}`.
pub fn names<'t>(text: &'t str, out: &mut BTreeSet<&'t str>) {
    for (at, _) in text.match_indices('$') {
        let rest = text.get(at + 1..).unwrap_or_default();
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        match rest.get(..end) {
            Some(name) if !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) => {
                out.insert(name);
            }
            _ => {}
        }
    }
}
