//! All built-in rules, as the build script compiled them from `rules/*.yaml`.

use super::check::{Check, Rule};
use super::diagnostic::Severity;
#[allow(unused_imports)] // Which of them a registry needs depends on its rules.
use super::matcher::{Cond, EditTemplate, FixTemplate, Matcher, Op, Part, Pattern, Template};
use super::meta::{Example, OptionSpec, RuleMeta, Yield};
#[allow(unused_imports)]
use super::schema::{Each, Field, Filter, Hook, ScopeWord};
use crate::edit::{Applicability, Effect};

#[allow(missing_docs)]
mod checks {
    include!(concat!(env!("OUT_DIR"), "/checks.rs"));
}

include!(concat!(env!("OUT_DIR"), "/registry.rs"));

/// The built-in rule of this id or alias; aliases are compared without regard to case.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.meta.id == name).or_else(|| {
        RULES
            .iter()
            .find(|rule| rule.meta.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name)))
    })
}
