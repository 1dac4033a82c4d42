//! ShellCheck's findings, which come from outside, as findings of rules: each of its codes is a rule
//! of its own, and all belong to the rule `shellcheck`.

use super::diagnostic::{Diagnostic, Label, Severity};
use super::meta::RuleMeta;
use super::registry;
use crate::config::{Candidate, FileSettings};
use crate::edit::{Applicability, Edit, Fix};
use crate::source::Span;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The rule to which all codes belong.
pub const FAMILY: &str = registry::OUTSIDE;

/// Codes that say nothing on a script inside a Dockerfile, and why.
pub const POINTLESS: &[(u16, &str)] = &[
    (1008, "about a first line with `#!`, which no script here needs"),
    (1071, "about a first line with `#!`"),
    (1090, "the sourced file is in the image, not here"),
    (1091, "the sourced file is in the image, not here"),
    (1128, "about a first line with `#!`"),
    (2148, "about a first line with `#!`"),
    (2187, "about a first line with `#!`"),
    (2239, "about a first line with `#!`"),
];

/// One finding of ShellCheck, its place already in the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellFinding {
    /// The digits of its code.
    pub code: u16,
    /// How bad ShellCheck finds it.
    pub severity: Severity,
    /// ShellCheck's own words.
    pub message: String,
    /// The words it is about, inside their RUN.
    pub span: Span,
    /// The change that ShellCheck proposes, where all of it could be placed in the Dockerfile.
    pub edits: Vec<Edit>,
}

/// The rule of a code, written `SC` and four digits in any case; none for any other word. Whether
/// ShellCheck has such a code is not asked.
pub fn code(name: &str) -> Option<&'static RuleMeta> {
    let (prefix, digits) = name.split_at_checked(2)?;
    if !prefix.eq_ignore_ascii_case("SC") || digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    of_number(digits.parse().ok()?)
}

/// Rules made so far: one each for at most 3,000 codes, for the life of the process.
static CODES: Mutex<BTreeMap<u16, &'static RuleMeta>> = Mutex::new(BTreeMap::new());

fn of_number(number: u16) -> Option<&'static RuleMeta> {
    if !(1000..4000).contains(&number) {
        return None;
    }
    let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || -> &'static RuleMeta {
        let id: &'static str = format!("SC{number}").leak();
        let page: &'static str = format!("https://www.shellcheck.net/wiki/{id}").leak();
        Box::leak(Box::new(RuleMeta {
            id,
            summary: "ShellCheck finds something in the script of a RUN",
            category: "correctness",
            severity: Severity::Warning,
            enabled: true,
            aliases: &[],
            yields_to: &[],
            what: "A finding of ShellCheck, which mbopt asks about the scripts of RUN where the setting `shellcheck` is `auto` or `require`.",
            why: "ShellCheck's own page on the code says it.",
            fixable: Some(Applicability::Unsafe),
            fix_safety: "Unsafe: ShellCheck does not promise that its changes keep what a script does.",
            options: &[],
            references: Vec::leak(vec![page]),
            examples: &[],
        }))
    };
    Some(*codes.entry(number).or_insert_with(make))
}

/// The rule to which a rule's id belongs, if it is one of ShellCheck's codes.
pub fn family(id: &str) -> Option<&'static str> {
    let digits = id.strip_prefix("SC")?;
    (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(FAMILY)
}

fn candidate(id: &str) -> Candidate<'_> {
    Candidate {
        id,
        category: "correctness",
        enabled: true,
    }
}

/// Whether the settings let any finding of ShellCheck through, so that it is worth asking.
pub fn is_wanted(settings: &FileSettings<'_>) -> bool {
    settings.is_enabled(candidate(FAMILY)) || settings.selects(&|id| family(id).is_some())
}

/// Adds the findings that the settings want. Where a rule of mbopt's own answers the same code and
/// found it at the same place, ShellCheck's is left out.
pub(super) fn report(settings: &FileSettings<'_>, found: &[ShellFinding], out: &mut Vec<Diagnostic>) {
    let ignored: Vec<&'static str> = settings
        .option(FAMILY, "ignore")
        .and_then(|list| list.as_array())
        .into_iter()
        .flatten()
        .filter_map(|item| match item.as_str() {
            Some(text) => code(text),
            None => item.as_u64().and_then(|n| of_number(u16::try_from(n).ok()?)),
        })
        .map(|rule| rule.id)
        .collect();
    // What native rules found for one of ShellCheck's codes.
    let own: Vec<(&'static str, Span)> = out
        .iter()
        .flat_map(|d| {
            d.rule
                .aliases
                .iter()
                .filter_map(|alias| code(alias))
                .map(|rule| (rule.id, d.primary.span))
        })
        .collect();
    for finding in found {
        if POINTLESS.iter().any(|(code, _)| *code == finding.code) {
            continue;
        }
        let Some(rule) = of_number(finding.code) else { continue };
        let covered = |(id, span): &(&str, Span)| {
            *id == rule.id && span.start <= finding.span.end && finding.span.start <= span.end
        };
        if ignored.contains(&rule.id) || !settings.is_enabled_in(candidate(rule.id), FAMILY) || own.iter().any(covered)
        {
            continue;
        }
        let level = settings.severity(rule.id).or_else(|| settings.severity(FAMILY));
        let fix = (!finding.edits.is_empty()).then(|| {
            Fix::unsafe_(
                format!("make ShellCheck's change for {}", rule.id),
                finding.edits.clone(),
            )
        });
        out.push(Diagnostic {
            rule,
            severity: level.map_or(finding.severity, Severity::from),
            message: finding.message.trim().trim_end_matches('.').to_owned(),
            primary: Label {
                span: finding.span,
                message: String::new(),
            },
            related: Vec::new(),
            help: None,
            fix,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_rules() {
        assert_eq!(code("sc2086").map(|r| r.id), Some("SC2086"));
        assert!(std::ptr::eq(code("SC2086").unwrap(), code("Sc2086").unwrap()));
        for other in ["SC20861", "SC208", "SC9999", "SC+208", "DL2086", "é", ""] {
            assert!(code(other).is_none(), "{other}");
        }
        assert_eq!((family("SC2086"), family("shellcheck")), (Some(FAMILY), None));
    }

    static NATIVE: RuleMeta = RuleMeta {
        id: "unguarded",
        summary: "",
        category: "correctness",
        severity: Severity::Warning,
        enabled: true,
        aliases: &["SC2164"],
        yields_to: &[],
        what: "",
        why: "",
        fixable: None,
        fix_safety: "",
        options: &[],
        references: &[],
        examples: &[],
    };

    #[test]
    fn a_rule_of_ones_own_speaks_alone() {
        let finding = |code: u16, start: usize| ShellFinding {
            code,
            severity: Severity::Info,
            message: "So.".to_owned(),
            span: Span::new(start, start + 4),
            edits: Vec::new(),
        };
        let mut out = vec![Diagnostic {
            rule: &NATIVE,
            severity: Severity::Warning,
            message: "so".to_owned(),
            primary: Label {
                span: Span::new(10, 12),
                message: String::new(),
            },
            related: Vec::new(),
            help: None,
            fix: None,
        }];
        let settings = crate::config::Settings::default();
        let found = [
            finding(2164, 9),
            finding(2164, 40),
            finding(2086, 10),
            finding(1091, 50),
        ];
        report(&settings.for_file("Dockerfile"), &found, &mut out);
        let said: Vec<_> = out
            .iter()
            .map(|d| (d.rule.id, d.primary.span.start, d.message.as_str()))
            .collect();
        assert_eq!(
            said,
            [("unguarded", 10, "so"), ("SC2164", 40, "So"), ("SC2086", 10, "So")]
        );
    }
}
