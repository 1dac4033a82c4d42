//! CMD or ENTRYPOINT runs through a shell.

use crate::edit::{Edit, Effect, Fix};
use crate::model::{Form, Instruction, Keyword, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::Word;

/// See `rules/shell-form-command.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let (Kind::Cmd(Form::Shell(word)) | Kind::Entrypoint(Form::Shell(word))) = &instruction.kind else { return };
        // Who chooses a shell wants one.
        if cx.facts.in_onbuild(instruction) || cx.file.settings_at(instruction.index).shell.is_some() {
            return;
        }
        let name = instruction.keyword.name();
        let mut finding = Finding::new(
            instruction.keyword_span,
            format!("{name} runs through `/bin/sh -c`, which hands no signal on to the program"),
        )
        .help(format!("write it as a JSON array: `{name} [\"program\", \"argument\"]`"));
        if let Some(array) = as_json(word)
            && !cx.file.is_opaque(instruction.index)
        {
            let effect = if instruction.keyword == Keyword::Cmd { Effect::Cmd } else { Effect::Entrypoint };
            let edit = Edit::replace(word.span, array);
            finding = finding.fix(Fix::unsafe_("write it as a JSON array", vec![edit]).with_effects([effect]));
        }
        cx.report(finding);
    }
}

/// Words that only a shell understands.
const BUILT_IN: [&str; 24] = [
    ".", ":", "alias", "bg", "break", "cd", "command", "eval", "exit", "export", "fg", "for", "hash", "if", "jobs", "read", "set",
    "shift", "source", "trap", "type", "ulimit", "umask", "while",
];

/// The words of a script that is one command without shell syntax, as a JSON array; `exec` is left
/// out, since there is no shell to replace.
fn as_json(word: &Word) -> Option<String> {
    if word.span.len() != word.value.len() {
        return None;
    }
    let mut words = split(&word.value)?;
    if words.first().is_some_and(|w| w == "exec") {
        words.remove(0);
    }
    let first = words.first()?;
    if first.is_empty() || first.contains('=') || first.starts_with('-') || BUILT_IN.contains(&first.as_str()) {
        return None;
    }
    let quoted: Vec<String> = words.into_iter().map(|w| serde_json::Value::from(w).to_string()).collect();
    Some(format!("[{}]", quoted.join(", ")))
}

/// Splits plain words and quoted strings without variables or escapes; none for anything else.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => open = false,
            '"' | '\'' => {
                if !open {
                    words.push(String::new());
                    open = true;
                }
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '$' | '`' | '\\' | '!' | '\n' if c == '"' => return None,
                        inner => words.last_mut()?.push(inner),
                    }
                }
            }
            c if c.is_alphanumeric() || "_-./:=,@%+".contains(c) => {
                if !open {
                    words.push(String::new());
                    open = true;
                }
                words.last_mut()?.push(c);
            }
            _ => return None,
        }
    }
    Some(words)
}
