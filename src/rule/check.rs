//! How a rule looks at a file.

use super::diagnostic::Severity;
use super::diagnostic::{Diagnostic, Finding};
use super::matcher::Matcher;
use super::meta::RuleMeta;
use super::schema::Hook;
use super::suppression::Judged;
use crate::config::FileSettings;
use crate::context::Context;
use crate::edit::Applicability;
use crate::facts::{CommandView, Facts};
use crate::model::{Dockerfile, Instruction, Stage};
use crate::plan::{self, Plan};
use std::cell::OnceCell;

/// A rule: what it says of itself, what it wants to see, and how it decides.
pub struct Rule {
    /// Identity and documentation.
    pub meta: &'static RuleMeta,
    /// What it wants to see.
    pub hooks: &'static [Hook],
    /// How it decides.
    pub check: Check,
}

/// How a rule decides.
pub enum Check {
    /// In Rust.
    Rust(&'static dyn Inspect),
    /// By its `match:`.
    Match(&'static Matcher),
}

/// A check written in Rust: the walk calls the hooks that the rule's `on:` names.
pub trait Inspect: Sync {
    /// The whole file, before its parts.
    fn file(&self, _cx: &mut Cx<'_>) {}
    /// Each stage, before its instructions.
    fn stage(&self, _cx: &mut Cx<'_>, _stage: &Stage) {}
    /// Each instruction, and the one inside an ONBUILD behind it.
    fn instruction(&self, _cx: &mut Cx<'_>, _instruction: &Instruction) {}
    /// Each command in a RUN, in the order of the text.
    fn command(&self, _cx: &mut Cx<'_>, _command: &CommandView<'_>) {}
    /// Each comment that silences findings, behind everything else, with what it did.
    fn suppression(&self, _cx: &mut Cx<'_>, _judged: &Judged<'_>) {}
}

/// What a check can see, and where it reports.
pub struct Cx<'a> {
    /// The file.
    pub file: &'a Dockerfile,
    /// What was derived from it.
    pub facts: &'a Facts<'a>,
    /// The build context, where one was found.
    pub context: Option<&'a Context>,
    /// The settings in force.
    pub settings: &'a FileSettings<'a>,
    pub(super) plan: &'a OnceCell<Plan>,
    pub(super) rule: &'static RuleMeta,
    pub(super) severity: Severity,
    pub(super) out: &'a mut Vec<Diagnostic>,
}

impl<'a> Cx<'a> {
    /// How the file would be split into stages, by its settings; planned at the first call, for all
    /// rules.
    pub fn plan(&self) -> &'a Plan {
        let stages = &self.settings.settings().stages;
        self.plan.get_or_init(|| plan::plan(self.facts, &stages.into()))
    }

    /// Reports a finding. A fix that edits text inside the rule's own limits is attached as it is;
    /// its applicability may not be better than the rule's documentation promises.
    pub fn report(&mut self, finding: Finding) {
        let mut fix = finding.fix;
        if let Some(fix) = &mut fix {
            let promised = self.rule.fixable.unwrap_or(Applicability::DisplayOnly);
            fix.applicability = fix.applicability.min(promised);
        }
        let severity = match finding.severity {
            // What the project's settings say goes before what the rule thinks of this one.
            Some(own) if self.settings.severity(self.rule.id).is_none() => own,
            _ => self.severity,
        };
        self.out.push(Diagnostic {
            rule: self.rule,
            severity,
            message: finding.message,
            primary: finding.primary,
            related: finding.related,
            help: finding.help,
            fix,
        });
    }

    /// Whether the instruction's layer ends in the image; in a file without FROM it may.
    pub fn ships(&self, instruction: &Instruction) -> bool {
        instruction
            .stage
            .and_then(|id| self.file.stage(id))
            .is_none_or(|stage| stage.ships)
    }

    /// The text under a span.
    pub fn slice(&self, span: crate::source::Span) -> &str {
        self.file.source.slice(span)
    }

    fn option(&self, name: &str) -> Option<&serde_json::Value> {
        self.settings.option(self.rule.id, name)
    }

    fn default(&self, name: &str) -> Option<&'static str> {
        self.rule.options.iter().find(|o| o.name == name).map(|o| o.default)
    }

    /// A boolean option's value.
    pub fn flag(&self, name: &str) -> bool {
        match self.option(name) {
            Some(value) => value.as_bool().unwrap_or_default(),
            None => self.default(name) == Some("true"),
        }
    }

    /// An integer option's value.
    pub fn number(&self, name: &str) -> u64 {
        match self.option(name) {
            Some(value) => value.as_u64().unwrap_or_default(),
            None => self.default(name).and_then(|d| d.parse().ok()).unwrap_or_default(),
        }
    }

    /// A map option's keys and values, in the order of the keys; empty where it is not set.
    pub fn map(&self, name: &str) -> Vec<(&str, &str)> {
        let entries = self.option(name).and_then(|v| v.as_object()).into_iter().flatten();
        entries
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect()
    }

    /// A list option's values; empty where the option is not set (lists have no other default).
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.option(name)
            .and_then(|v| v.as_array())
            .map(|items| items.iter().filter_map(|i| i.as_str()).collect())
            .unwrap_or_default()
    }
}
