//! One finding for one fault: of two rules that blame the same words for the same thing, the one that
//! knows less stays silent. A rule that is switched off, or silenced there, silences no other.

use super::diagnostic::Diagnostic;
use crate::model::Refusal;
use crate::model::refusal::Phase;
use crate::source::Span;
use std::collections::HashSet;

/// The rule that yields, and the one that it yields to where both stand on the same words.
const YIELDS: &[(&str, &str)] = &[
    // "nothing defines it" is true of a variable that the same ENV defines, and explains nothing.
    ("undefined-variable", "env-refers-itself"),
    // Not to be pinned, but to be left out.
    ("gem-unpinned", "bundler-redundant"),
];

/// The rule that says what a build without arguments would be refused for.
const DEFAULTS: &str = "from-default-invalid";

/// Takes out the findings that yield to another.
pub fn settle(diagnostics: &mut Vec<Diagnostic>) {
    // Both say that the image runs as root; one knows whom it should run as.
    if diagnostics.iter().any(|d| d.rule.id == "user-never-used") {
        diagnostics.retain(|d| d.rule.id != "no-user");
    }
    let stronger: HashSet<(&str, Span)> = diagnostics
        .iter()
        .filter(|d| YIELDS.iter().any(|(_, to)| *to == d.rule.id))
        .map(|d| (d.rule.id, d.primary.span))
        .collect();
    if !stronger.is_empty() {
        diagnostics.retain(|d| {
            !YIELDS
                .iter()
                .any(|(rule, to)| *rule == d.rule.id && stronger.contains(&(*to, d.primary.span)))
        });
    }
}

/// Takes out the findings that only repeat an unconditional refusal, and tells which refusals need no
/// finding of their own since one with advice stands on the same words: those that build arguments
/// could lift.
pub fn settle_refusals(diagnostics: &mut Vec<Diagnostic>, refusals: &[Refusal]) -> Vec<bool> {
    let same = |d: &Diagnostic, r: &Refusal| d.rule.id == DEFAULTS && d.primary.span == r.span;
    let is_open = |r: &Refusal| r.phase == Phase::Context;
    diagnostics.retain(|d| d.rule.id != DEFAULTS || !refusals.iter().any(|r| !is_open(r) && same(d, r)));
    refusals
        .iter()
        .map(|r| is_open(r) && diagnostics.iter().any(|d| same(d, r)))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::model::Dockerfile;
    use crate::rule::{Registry, lint};
    use crate::source::SourceFile;

    fn found(text: &str) -> Vec<&'static str> {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        let settings = Settings::default();
        let mut diagnostics = lint(Registry::builtin(), &file, None, &settings.for_file("Dockerfile"));
        let said = super::settle_refusals(&mut diagnostics, &file.refusals);
        let refused = said.iter().filter(|said| !**said).map(|_| "invalid-dockerfile");
        diagnostics
            .iter()
            .map(|d| d.rule.id)
            .chain(refused)
            .filter(|id| {
                [
                    "undefined-variable",
                    "env-refers-itself",
                    "gem-unpinned",
                    "bundler-redundant",
                    "no-user",
                    "user-never-used",
                    "from-default-invalid",
                    "invalid-dockerfile",
                ]
                .contains(id)
            })
            .collect()
    }

    #[test]
    fn one_fault_is_said_once() {
        for (text, wanted) in [
            ("FROM alpine:3.20\nENV A=/x B=$A/y\n", &["env-refers-itself"][..]),
            ("FROM alpine:3.20\nENV B=$A/y\n", &["undefined-variable"]),
            ("FROM ruby:3.3\nRUN gem install bundler rake\n", &["gem-unpinned"]),
            ("FROM ruby:3.3\nRUN gem install bundler\n", &["bundler-redundant"]),
            (
                "FROM debian:12\nCOPY . /srv\nRUN useradd app\nCMD [\"/srv/run\"]\n",
                &["user-never-used"],
            ),
            ("ARG T\nFROM alpine:$T\n", &["from-default-invalid"]),
            ("FROM {{x}}\n", &["invalid-dockerfile"]),
        ] {
            assert_eq!(found(text), wanted, "{text}");
        }
    }
}
