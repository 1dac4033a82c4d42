//! `mbopt explain`: a rule's own words, laid out for a terminal.

use crate::config::nearest;
use crate::edit::Applicability;
use crate::report::{INVALID, severity_word};
use crate::rule::{RuleMeta, shellcheck};
use std::fmt::Write;

/// The rule that `name` means: an id, or a peer's code in any case.
///
/// # Errors
/// What to say where it means none, with the nearest name that does.
pub fn find(rules: &[&'static RuleMeta], name: &str) -> Result<&'static RuleMeta, String> {
    let all = || rules.iter().copied().chain([&INVALID]);
    let known = all()
        .find(|rule| rule.id.eq_ignore_ascii_case(name))
        .or_else(|| all().find(|rule| rule.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))));
    known.or_else(|| shellcheck::code(name)).ok_or_else(|| {
        let names = all().flat_map(|rule| rule.aliases.iter().copied().chain([rule.id]));
        match nearest(name, names) {
            Some(near) => format!("no rule is called `{name}`; did you mean `{near}`?"),
            None => format!("no rule is called `{name}`; `mbopt rules` lists them"),
        }
    })
}

/// Everything a rule says of itself.
pub fn explain(rule: &RuleMeta, colour: bool) -> String {
    let bold = |text: &str| {
        let style = anstyle::Style::new().bold();
        if colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    };
    // Writing to a string cannot fail, here and below.
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}", bold(rule.id), rule.summary);
    let off = if rule.enabled { "" } else { ", off unless selected" };
    let _ = writeln!(out, "{}, {}{off}", rule.category, severity_word(rule.severity));
    if !rule.aliases.is_empty() {
        let _ = writeln!(out, "also known as {}", rule.aliases.join(", "));
    }
    let mut section = |title: &str, body: &str| {
        if !body.trim().is_empty() {
            let _ = write!(out, "\n{}\n{}", bold(title), indented(body.trim()));
        }
    };
    section("What it finds", rule.what);
    section("Why that matters", rule.why);
    let trust = match rule.fixable {
        Some(Applicability::Safe) => "Applied with --fix.",
        Some(Applicability::Unsafe) => "Applied with --fix --unsafe-fixes.",
        Some(Applicability::DisplayOnly) => "Shown, to be done by hand.",
        None => "",
    };
    section("Fix", &[trust, rule.fix_safety.trim()].join(" "));
    let options: Vec<String> = rule
        .options
        .iter()
        .map(|o| format!("{} ({}, default {}): {}", o.name, o.kind, o.default, o.what))
        .collect();
    section("Options", &options.join("\n"));
    for example in rule.examples {
        let title = if example.title.is_empty() {
            String::new()
        } else {
            format!(" ({})", example.title)
        };
        if !example.bad.is_empty() {
            section(&format!("Finds{title}"), example.bad);
            let after = if rule.fixable.is_some() { "Becomes" } else { "Better" };
            section(after, example.good);
            for (path, text) in example.creates {
                section(&format!("Makes {path}"), text);
            }
        } else {
            section(&format!("Leaves alone{title}"), example.good);
        }
    }
    section("References", &rule.references.join("\n"));
    out
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        if !line.is_empty() {
            out.push_str("    ");
        }
        out.push_str(line);
        out.push('\n');
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::RULE;

    #[test]
    fn ids_and_codes_are_found_and_slips_understood() {
        assert_eq!(find(&[&RULE], "sample-rule").unwrap().id, "sample-rule");
        assert_eq!(find(&[&RULE], "dl9999").unwrap().id, "sample-rule");
        assert_eq!(find(&[&RULE], "invalid-dockerfile").unwrap().id, "invalid-dockerfile");
        assert_eq!(
            find(&[&RULE], "sampel-rule").unwrap_err(),
            "no rule is called `sampel-rule`; did you mean `sample-rule`?"
        );
        assert!(
            find(&[&RULE], "zzzzzzzzzzz")
                .unwrap_err()
                .ends_with("`mbopt rules` lists them")
        );
    }

    #[test]
    fn says_everything() {
        let shown = explain(&RULE, false);
        assert_eq!(
            shown,
            "sample-rule: A rule for tests\ncorrectness, warning\nalso known as DL9999, SampleRule\n\
             \nWhat it finds\n    Finds **samples**.\n\nWhy that matters\n    Tests need them.\n\
             \nFix\n    Applied with --fix. Always safe.\n\nFinds\n    FROM a\n\nBecomes\n    FROM b\n\
             \nReferences\n    https://example.com/sample\n"
        );
    }
}
