//! One finding for one fault: of two rules that blame the same for the same thing, the one that knows
//! less stays silent, as its `yields-to` says. A rule that is switched off, or silenced there, silences
//! no other.

use super::diagnostic::Diagnostic;
use super::meta::Yield;
use crate::model::Refusal;
use crate::model::refusal::Phase;
use crate::source::Span;
use std::collections::HashSet;

/// Takes out the findings that yield to another.
pub fn settle(diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.iter().all(|d| d.rule.yields_to.is_empty()) {
        return;
    }
    let places: HashSet<(&str, Span)> = diagnostics.iter().map(|d| (d.rule.id, d.primary.span)).collect();
    let rules: HashSet<&str> = diagnostics.iter().map(|d| d.rule.id).collect();
    let mends: HashSet<&str> = diagnostics
        .iter()
        .filter(|d| d.fix.is_some())
        .map(|d| d.rule.id)
        .collect();
    diagnostics.retain(|d| {
        !d.rule.yields_to.iter().any(|case| match case {
            Yield::SameWords(other) => places.contains(&(*other, d.primary.span)),
            Yield::SameFile(other) => rules.contains(other),
            Yield::MendedBy(other) => mends.contains(other),
            Yield::Refusal => false,
        })
    });
}

/// Takes out the findings that only repeat an unconditional refusal, and tells which refusals need no
/// finding of their own since one with advice stands on the same words: those that build arguments
/// could lift.
pub fn settle_refusals(diagnostics: &mut Vec<Diagnostic>, refusals: &[Refusal]) -> Vec<bool> {
    let same = |d: &Diagnostic, r: &Refusal| d.rule.yields_to.contains(&Yield::Refusal) && d.primary.span == r.span;
    let is_open = |r: &Refusal| r.phase == Phase::Context;
    diagnostics.retain(|d| !refusals.iter().any(|r| !is_open(r) && same(d, r)));
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
                    "full-runtime-image",
                    "single-stage-bloat",
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
                "FROM debian:12-slim\nCOPY . /srv\nRUN useradd app\nCMD [\"/srv/run\"]\n",
                &["user-never-used"],
            ),
            // The rewrite into stages takes another base as well.
            (
                "FROM golang:1.22\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /srv/run .\nUSER 1000\nCMD [\"/srv/run\"]\n",
                &["single-stage-bloat"],
            ),
            ("ARG T\nFROM alpine:$T\n", &["from-default-invalid"]),
            ("FROM {{x}}\n", &["invalid-dockerfile"]),
        ] {
            assert_eq!(found(text), wanted, "{text}");
        }
    }
}
