//! A secret stands in the file.

use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use regex::Regex;
use std::sync::LazyLock;

/// See `rules/secret-value.yaml`.
pub struct Rule;

/// What each group of the pattern stands for, in order.
const KINDS: [&str; 10] = [
    "a private key",
    "an access key of AWS",
    "a token of GitHub",
    "a token of GitLab",
    "a token of Slack",
    "a key of Stripe",
    "a token of npm, PyPI or Docker Hub",
    "an API key of Google",
    "a JSON web token",
    "a password in a URL",
];

/// The forms that issuers publish, one group for each of [`KINDS`].
static FORMS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        r"(-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----)",
        r"(\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)",
        r"(\b(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b)",
        r"(\bglpat-[A-Za-z0-9_-]{20})",
        r"(\bxox[abprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,})",
        r"(\b[rs]k_live_[A-Za-z0-9]{20,})",
        r"(\b(?:npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,}|dckr_pat_[A-Za-z0-9_-]{20,}))",
        r"(\bAIza[A-Za-z0-9_-]{35})",
        r"(\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
        r"(://[A-Za-z0-9_.~%+-]+:[A-Za-z0-9_.~%+!*-]{4,}@[A-Za-z0-9.-]+)",
    ];
    Regex::new(&forms.join("|")).ok()
});

/// A text without any of these holds none of the forms; most files have none, and so never pay for
/// compiling them.
const MARKERS: [&str; 17] = [
    "-----BEGIN",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xox",
    "slack.com",
    "k_live_",
    "npm_",
    "pypi-",
    "dckr_pat_",
    "AIza",
];

fn may_hold_a_form(text: &str) -> bool {
    MARKERS.iter().any(|marker| text.contains(marker))
        || text.contains("eyJ")
        || text.match_indices("://").any(|(at, _)| {
            let authority = text
                .get(at + 3..)
                .unwrap_or_default()
                .split(['/', ' ', '\n', '"', '\''])
                .next();
            authority.is_some_and(|a| a.contains('@'))
        })
}

/// Words of values that only show a form.
const SAMPLES: [&str; 9] = [
    "example",
    "changeme",
    "password@",
    "secret@",
    "xxxx",
    "@localhost",
    "@127.0.0.1",
    ":token@",
    "dummy",
];

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        if !may_hold_a_form(cx.file.source.text()) {
            return;
        }
        let Some(forms) = FORMS.as_ref() else { return };
        let mut found = Vec::new();
        for instruction in &cx.file.instructions {
            let text = cx.slice(instruction.span);
            for captures in forms.captures_iter(text) {
                let Some((kind, hit)) = KINDS
                    .iter()
                    .enumerate()
                    .find_map(|(i, kind)| Some((*kind, captures.get(i + 1)?)))
                else {
                    continue;
                };
                let lower = hit.as_str().to_ascii_lowercase();
                if SAMPLES.iter().any(|sample| lower.contains(sample)) || in_comment(text, hit.start()) {
                    continue;
                }
                let start = instruction.span.start + hit.start();
                found.push((Span::new(start, start + hit.len()), kind));
            }
        }
        for (span, kind) in found {
            cx.report(
                Finding::new(span, format!("this looks like {kind}")).help(
                    "revoke it, and give its successor by `RUN --mount=type=secret` or when the container starts",
                ),
            );
        }
    }
}

fn in_comment(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    before.contains('\n') && line.trim_start().starts_with('#')
}
