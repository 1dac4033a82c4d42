//! `.hadolint.yaml`: hadolint's settings, as far as they mean something here.

use super::document::{Document, Fields, Word};
use super::error::{ConfigErrors, Place, Problem, Source, report};
use super::yaml::{self, Node};
use super::{FailOn, Level, ShellCheck};
use serde_json::Value;

/// The options into which hadolint's own keys turn: the code of the rule that takes them there, its
/// key, and the option's name here.
pub const OPTIONS: [(&str, &str, &str); 3] = [
    ("DL3026", "trustedRegistries", "trusted-registries"),
    ("DL3049", "label-schema", "label-schema"),
    ("DL3050", "strict-labels", "strict-labels"),
];

const THRESHOLD: [(&str, FailOn); 6] = [
    ("error", FailOn::At(Level::Error)),
    ("warning", FailOn::At(Level::Warning)),
    ("info", FailOn::At(Level::Info)),
    ("style", FailOn::At(Level::Style)),
    ("ignore", FailOn::Never),
    ("none", FailOn::Never),
];

/// Reads hadolint's settings. Keys that it does not know are passed over, as hadolint does; codes
/// without a counterpart become a notice when names are checked.
///
/// # Errors
/// The text is no YAML, or a value that is used is of the wrong type.
pub fn read(name: &str, text: &str) -> Result<Document, ConfigErrors> {
    let mut document = Document {
        sources: vec![Source {
            name: name.to_owned(),
            text: text.to_owned(),
        }],
        lenient: true,
        // hadolint has ShellCheck inside.
        shellcheck: Some(ShellCheck::Auto),
        ..Document::default()
    };
    document.notices.push(format!(
        "settings are read from `{name}`, which is hadolint's; `mbopt init` writes an `mbopt.yaml` that takes its place"
    ));
    let mut problems = Vec::new();
    match yaml::parse(text) {
        Ok(root) => {
            let mut fields = Fields {
                file: 0,
                problems: &mut problems,
            };
            for (key, _, value) in fields.entries(&root, "the settings") {
                take(&mut document, &mut fields, &key, value);
            }
        }
        Err(error) => problems.push(Problem {
            place: Place::Offset {
                file: 0,
                offset: error.offset.unwrap_or(0),
            },
            message: format!("`{name}` is not valid YAML"),
            label: error.message,
            help: None,
        }),
    }
    match report(&document.sources, problems) {
        Some(errors) => Err(errors),
        None => Ok(document),
    }
}

fn take(document: &mut Document, fields: &mut Fields<'_>, key: &str, value: &Node) {
    match key {
        "ignored" => document.rules.ignore = fields.words(value, key),
        "override" => overrides(document, fields, value),
        "failure-threshold" => {
            // `no-fail` goes before it, wherever it stands.
            let threshold = fields.one_of(value, key, &THRESHOLD);
            document.fail_on = document.fail_on.or(threshold);
        }
        "no-fail" if value.scalar().as_deref() == Some("true") => document.fail_on = Some(FailOn::Never),
        "disable-ignore-pragma" => document.comments_disabled = value.scalar().as_deref() == Some("true"),
        "format" => document.format = value.scalar(),
        _ => {
            let Some((code, _, option)) = OPTIONS.iter().find(|(_, known, _)| *known == key) else {
                return;
            };
            let mark = fields.mark(value);
            let word = |text: &str| Word {
                text: text.to_owned(),
                mark,
            };
            let json = match value.to_json() {
                // A single registry may stand there without a list.
                Value::String(one) => Value::Array(vec![Value::String(one)]),
                other => other,
            };
            document.rules.options.push((word(code), vec![(word(option), json)]));
        }
    }
}

fn overrides(document: &mut Document, fields: &mut Fields<'_>, value: &Node) {
    for (level, _, codes) in fields.entries(value, "override") {
        let level = match level.as_str() {
            "error" => Level::Error,
            "warning" => Level::Warning,
            "info" => Level::Info,
            "style" => Level::Style,
            _ => continue,
        };
        let words = fields.words(codes, "override");
        document
            .rules
            .severity
            .extend(words.into_iter().map(|word| (word, Some(level))));
    }
}
