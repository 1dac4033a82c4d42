//! Labels are not those that the project wants.

use crate::model::{Instruction, Kind, Pair};
use crate::rule::{Cx, Finding, Inspect};
use std::collections::HashSet;

/// See `rules/label-schema.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let schema: Vec<(String, String)> =
            cx.map("label-schema").into_iter().map(|(key, kind)| (key.to_owned(), kind.to_owned())).collect();
        let strict = cx.flag("strict-labels");
        if schema.is_empty() && !strict {
            return;
        }
        for instruction in &cx.file.instructions {
            for pair in labels(instruction) {
                judge(cx, pair, &schema, strict);
            }
        }
        let Some((stage, from)) = cx.file.target().and_then(|s| Some((s, cx.file.from_of(s)?))) else { return };
        let set: HashSet<&str> =
            cx.file.chain(stage).flat_map(|s| cx.file.instructions_of(s)).flat_map(labels).map(key).collect();
        let missing: Vec<&str> = schema.iter().map(|(key, _)| key.as_str()).filter(|key| !set.contains(key)).collect();
        let span = from.keyword_span;
        for key in missing {
            cx.report(Finding::new(span, format!("the image lacks the label `{key}`")).help(format!("add `LABEL {key}=...`")));
        }
    }
}

fn labels(instruction: &Instruction) -> &[Pair] {
    match &instruction.inner().kind {
        Kind::Label(pairs) => pairs,
        _ => &[],
    }
}

fn key(pair: &Pair) -> &str {
    pair.key.value.trim_matches(['"', '\''])
}

fn judge(cx: &mut Cx<'_>, pair: &Pair, schema: &[(String, String)], strict: bool) {
    let name = key(pair);
    let Some((_, kind)) = schema.iter().find(|(known, _)| known == name) else {
        if strict && !name.contains('$') {
            cx.report(Finding::new(pair.key.span, format!("the label `{name}` is not among those that the project wants")));
        }
        return;
    };
    let value = pair.value.as_ref().map(|v| v.value.trim_matches(['"', '\''])).unwrap_or_default();
    if value.contains('$') {
        return;
    }
    let problem = match kind.as_str() {
        "rawtext" => return,
        _ if value.is_empty() => "is empty",
        "url" if !is_url(value) => "is no URL",
        "rfc3339" if !is_date(value) => "is no date and time of RFC 3339",
        "spdx" if !is_licence(value) => "is no SPDX licence identifier",
        "hash" if !is_commit(value) => "is no hash of a git commit",
        "semver" if !is_version(value) => "is no semantic version",
        "email" if !is_address(value) => "is no mail address",
        _ => return,
    };
    cx.report(Finding::new(pair.span, format!("the label `{name}` {problem}")));
}

fn is_url(text: &str) -> bool {
    let scheme = |s: &str| s.starts_with(|c: char| c.is_ascii_alphabetic()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
    text.split_once("://").is_some_and(|(s, rest)| scheme(s) && !rest.is_empty() && !text.contains(char::is_whitespace))
}

/// `2026-01-31T12:00:00.5+01:00`.
fn is_date(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let shaped = bytes.len() > SHAPE.len()
        && bytes.iter().zip(SHAPE).all(|(b, s)| match s {
            b'0' => b.is_ascii_digit(),
            b'T' => matches!(b, b'T' | b't' | b' '),
            s => b == s,
        });
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<u32>().ok()).unwrap_or(99);
    let rest = text.get(SHAPE.len()..).unwrap_or_default();
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let zone_fits = matches!(zone, "Z" | "z")
        || zone.strip_prefix(['+', '-']).and_then(|z| z.split_once(':')).is_some_and(|(h, m)| {
            [h, m].iter().all(|n| n.len() == 2 && n.bytes().all(|b| b.is_ascii_digit()))
        });
    shaped && zone_fits && number(5..7) <= 12 && number(8..10) <= 31 && number(11..13) <= 24 && number(14..16) < 60
}

/// Families of SPDX identifiers: what stands before the first version number.
const LICENCES: [&str; 52] = [
    "0BSD", "AFL", "AGPL", "Apache", "APSL", "Artistic", "Beerware", "BSD", "BSL", "BUSL", "CAL", "CC", "CC0", "CDDL", "CECILL",
    "CPL", "ECL", "EFL", "Elastic", "EPL", "EUPL", "FSFAP", "FSL", "FTL", "GFDL", "GPL", "HPND", "ICU", "IPL", "ISC", "LGPL", "Libpng",
    "LPL", "MIT", "MPL", "MS", "MulanPSL", "NCSA", "NPL", "ODbL", "OFL", "OSL", "PHP", "PostgreSQL", "PSF", "Python", "QPL", "Ruby",
    "Unlicense", "WTFPL", "X11", "Zlib",
];

fn is_licence(text: &str) -> bool {
    let mut words = text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).filter(|w| !w.is_empty()).peekable();
    let mut exception = false;
    words.peek().is_some()
        && words.all(|word| {
            if matches!(word, "AND" | "OR" | "WITH") {
                exception = word == "WITH";
                return true;
            }
            let family = word.split('-').next().unwrap_or(word);
            exception || LICENCES.iter().any(|l| l.eq_ignore_ascii_case(family)) || word.starts_with("LicenseRef-")
        })
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 7..=40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) && (n == "0" || !n.starts_with('0'));
    let rest = text.get(core.len()..).unwrap_or_default();
    core.split('.').count() == 3
        && core.split('.').all(number)
        && (rest.is_empty() || rest.len() > 1 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+.".contains(&b)))
}

fn is_address(text: &str) -> bool {
    let address = text.rsplit_once('<').map_or(text, |(_, a)| a.trim_end_matches('>'));
    address.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !host.contains('@') && !address.contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_values() {
        for (fits, good, bad) in [
            (is_url as fn(&str) -> bool, &["https://a.b/c"][..], &["not-url", "://x", "http://"][..]),
            (is_date, &["2021-03-10T10:26:33.564595127+01:00", "2021-03-10T10:26:33Z"], &["not-date", "2021-13-10T10:26:33Z", "2021-03-10"]),
            (is_licence, &["MIT", "Apache-2.0 OR (GPL-3.0-only WITH Classpath-exception-2.0)"], &["not-spdx", "", "Apache License"]),
            (is_commit, &["2dbfae9", "43c572f1272b6b3171dd1db9e41b7027128ce080"], &["not-git-hash", "2dbfae"]),
            (is_version, &["2.0.1-rc1", "0.1.0"], &["not-sem-ver", "1.2", "01.2.3"]),
            (is_address, &["abc@defg.com", "Me <me@x.org>"], &["not-email", "a@b@c"]),
        ] {
            assert!(good.iter().all(|g| fits(g)), "{good:?}");
            assert!(bad.iter().all(|b| !fits(b)), "{bad:?}");
        }
    }
}
