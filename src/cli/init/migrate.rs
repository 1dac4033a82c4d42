//! hadolint's settings as settings of mbopt's, with a report of what became of each.

use crate::config::hadolint::OPTIONS;
use crate::rule::{RuleMeta, shellcheck};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What a migration gave.
#[derive(Debug)]
pub struct Migrated {
    /// Keys of `mbopt.yaml`.
    pub text: String,
    /// What became of what, one line each.
    pub report: Vec<String>,
}

/// The rules for a code: those of mbopt's that answer it, or ShellCheck's own.
fn rules_for(code: &str, rules: &[&'static RuleMeta]) -> Vec<String> {
    let own: Vec<String> = rules
        .iter()
        .filter(|rule| rule.id == code || rule.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(code)))
        .map(|rule| rule.id.to_owned())
        .collect();
    if own.is_empty() {
        return shellcheck::code(code)
            .into_iter()
            .map(|rule| rule.id.to_owned())
            .collect();
    }
    own
}

/// ` as RULES`, where they are called otherwise than the code.
fn as_rules(code: &str, found: &[String]) -> String {
    match found {
        [one] if one == code => String::new(),
        found => format!(" as {}", found.join(", ")),
    }
}

/// A list of words; a single word is a list of one.
fn words(value: &Value) -> Vec<String> {
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => items.iter().filter_map(word).collect(),
        value => word(value).into_iter().collect(),
    }
}

/// The entries of a mapping as they stand; none of anything else.
fn in_order(value: &serde_yaml::Value) -> Vec<(String, serde_yaml::Value)> {
    let entries = value.as_mapping().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.clone())))
        .collect()
}

/// A value of which the order of keys does not matter.
fn as_json(value: &serde_yaml::Value) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A value as YAML in one line: JSON is YAML.
fn inline(value: &Value) -> String {
    value.to_string()
}

/// Writes hadolint's settings as mbopt's.
///
/// # Errors
/// The text is no YAML, or no mapping.
pub fn migrate(text: &str, rules: &[&'static RuleMeta]) -> Result<Migrated, String> {
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    if !matches!(value, serde_yaml::Value::Mapping(_) | serde_yaml::Value::Null) {
        return Err("the settings are no mapping of keys to values".to_owned());
    }
    let entries = in_order(&value);
    let mut report = Vec::new();
    let mut ignore: Vec<(String, String)> = Vec::new();
    let mut severity: Vec<(String, String, String)> = Vec::new();
    let mut options: BTreeMap<String, BTreeMap<&str, Value>> = BTreeMap::new();
    let mut fail_on = None;
    let none = |code: &str, report: &mut Vec<String>| {
        report.push(format!("{code}: left out, no rule of mbopt's answers it"));
    };
    for (key, value, levels) in entries
        .iter()
        .map(|(key, value)| (key, as_json(value), in_order(value)))
    {
        let value = &value;
        match key.as_str() {
            "ignored" => {
                for code in words(value) {
                    let found = rules_for(&code, rules);
                    if found.is_empty() {
                        none(&code, &mut report);
                        continue;
                    }
                    report.push(format!("{code}: ignored{}", as_rules(&code, &found)));
                    ignore.extend(found.into_iter().map(|rule| (rule, code.clone())));
                }
            }
            "override" => {
                for (level, codes) in &levels {
                    if !["error", "warning", "info", "style"].contains(&level.as_str()) {
                        report.push(format!("override.{level}: left out, mbopt has no such severity"));
                        continue;
                    }
                    for code in words(&as_json(codes)) {
                        let found = rules_for(&code, rules);
                        if found.is_empty() {
                            none(&code, &mut report);
                            continue;
                        }
                        report.push(format!("{code}: {level}{}", as_rules(&code, &found)));
                        severity.extend(found.into_iter().map(|rule| (rule, level.clone(), code.clone())));
                    }
                }
            }
            "failure-threshold" => {
                let threshold = value.as_str().unwrap_or_default();
                let level = match threshold {
                    "ignore" | "none" => "never",
                    other => other,
                };
                report.push(format!("failure-threshold: {threshold} becomes fail-on: {level}"));
                // `no-fail` goes before it, wherever it stands.
                fail_on = fail_on.or(Some(level.to_owned()));
            }
            "no-fail" => {
                if value.as_bool() == Some(true) {
                    report.push("no-fail becomes fail-on: never".to_owned());
                    fail_on = Some("never".to_owned());
                }
            }
            "disable-ignore-pragma" => {
                if value.as_bool() == Some(true) {
                    report.push("disable-ignore-pragma: left out, comments of mbopt's and hadolint's hold".to_owned());
                }
            }
            "format" => report.push(format!(
                "format: left out, it is given on the command line: --format {}",
                value.as_str().unwrap_or("text")
            )),
            key => match OPTIONS.iter().find(|(_, known, _)| *known == key) {
                Some((code, _, option)) => {
                    // Of several rules under one code, the option is for those that have it.
                    let owners = rules.iter().filter(|rule| {
                        rule.aliases.contains(code) && rule.options.iter().any(|spec| spec.name == *option)
                    });
                    let value = match value {
                        // A single registry may stand there without a list.
                        Value::String(one) => Value::Array(vec![Value::String(one.clone())]),
                        value => value.clone(),
                    };
                    let ids: Vec<&str> = owners.map(|rule| rule.id).collect();
                    if ids.is_empty() {
                        none(key, &mut report);
                        continue;
                    }
                    report.push(format!("{key}: becomes {option} of {}", ids.join(", ")));
                    for id in ids {
                        options.entry(id.to_owned()).or_default().insert(option, value.clone());
                    }
                }
                None => report.push(format!("{key}: left out, mbopt has no such setting")),
            },
        }
    }
    report.push(
        "shellcheck: auto, since hadolint has ShellCheck inside; mbopt asks the one that is installed".to_owned(),
    );
    Ok(Migrated {
        text: written(&ignore, &severity, fail_on.as_deref(), &options),
        report,
    })
}

/// The keys of `mbopt.yaml`. A rule that several codes name stands there once.
fn written(
    ignore: &[(String, String)],
    severity: &[(String, String, String)],
    fail_on: Option<&str>,
    options: &BTreeMap<String, BTreeMap<&str, Value>>,
) -> String {
    // Writing to a string cannot fail, here and below.
    let mut out = String::new();
    let mut seen = BTreeSet::new();
    if !ignore.is_empty() {
        out.push_str("ignore:\n");
        for (rule, code) in ignore.iter().filter(|(rule, _)| seen.insert(rule.clone())) {
            let comment = if rule == code {
                String::new()
            } else {
                format!(" # {code}")
            };
            let _ = writeln!(out, "  - {rule}{comment}");
        }
    }
    seen.clear();
    if !severity.is_empty() {
        out.push_str("severity:\n");
        // The last word counts, as it does for hadolint's own file here.
        let mut lines: Vec<String> = severity
            .iter()
            .rev()
            .filter(|(rule, _, _)| seen.insert(rule.clone()))
            .map(|(rule, level, code)| {
                let comment = if rule == code {
                    String::new()
                } else {
                    format!(" # {code}")
                };
                format!("  {rule}: {level}{comment}\n")
            })
            .collect();
        lines.reverse();
        out.push_str(&lines.concat());
    }
    if let Some(level) = fail_on {
        let _ = writeln!(out, "fail-on: {level}");
    }
    if !options.is_empty() {
        out.push_str("rules:\n");
        for (rule, options) in options {
            let _ = writeln!(out, "  {rule}:");
            for (option, value) in options {
                let _ = writeln!(out, "    {option}: {}", inline(value));
            }
        }
    }
    out.push_str("shellcheck: auto\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Registry;

    fn migrated(text: &str) -> Migrated {
        let rules: Vec<_> = Registry::builtin().rules().collect();
        migrate(text, &rules).unwrap()
    }

    #[test]
    fn codes_become_rules_and_the_rest_is_told() {
        let migrated = migrated(
            "ignored: [DL3014, SC2086, DL9998]\noverride:\n  error: [DL4000]\n  style: []\n\
             failure-threshold: warning\nno-fail: false\ntrustedRegistries: [docker.io, \"*.example.org\"]\n\
             format: tty\nno-color: true\n",
        );
        assert_eq!(
            migrated.text,
            "ignore:\n  - apt-assume-yes # DL3014\n  - SC2086\nseverity:\n  maintainer-deprecated: error # DL4000\n\
             fail-on: warning\nrules:\n  untrusted-registry:\n    trusted-registries: [\"docker.io\",\"*.example.org\"]\n\
             shellcheck: auto\n"
        );
        let report = migrated.report.join("\n");
        for line in [
            "DL3014: ignored as apt-assume-yes",
            "DL9998: left out, no rule",
            "format: left out",
            "no-color: left out",
        ] {
            assert!(report.contains(line), "{report}");
        }
    }

    #[test]
    fn no_settings_are_settings_too() {
        assert_eq!(migrated("").text, "shellcheck: auto\n");
        assert_eq!(
            migrated("no-fail: true\nfailure-threshold: error\n").text,
            "fail-on: never\nshellcheck: auto\n"
        );
        assert!(migrate("[a]", &[]).is_err());
    }
}
