//! A variable is used that nothing defines.

use crate::model::{Instruction, Keyword, Kind, suggest};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use crate::syntax::{Word, expand};

/// See `rules/undefined-variable.yaml`.
pub struct Rule;

/// ARGs that steer the build and never become variables.
const STEERING: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        if instruction.stage.is_none() || instruction.opaque || cx.facts.in_onbuild(instruction) {
            return;
        }
        if let Kind::Arg(pairs) = &instruction.kind {
            // Each default sees the names declared before it in the same ARG.
            for (i, pair) in pairs.iter().enumerate() {
                let before = pairs.get(..i).unwrap_or_default();
                if let Some(word) = &pair.value {
                    look(cx, instruction, word, &|name| {
                        before.iter().any(|p| p.key.value == name)
                    });
                }
            }
            return;
        }
        for word in expanded(instruction) {
            look(cx, instruction, word, &|_| false);
        }
        for heredoc in instruction
            .transfer()
            .into_iter()
            .flat_map(|t| &t.inline)
            .filter(|h| h.expand)
        {
            // In inline files the escape character is always a backslash.
            for reference in expand::references_in(cx.file.source.slice(heredoc.body), '\\') {
                let span = Span::new(
                    heredoc.body.start + reference.range.start,
                    heredoc.body.start + reference.range.end,
                );
                check(cx, instruction, &reference.name, span);
            }
        }
    }
}

/// The words in which BuildKit puts in variables.
fn expanded(instruction: &Instruction) -> Vec<&Word> {
    let mut words: Vec<&Word> = Vec::new();
    match &instruction.kind {
        Kind::Env(pairs) | Kind::Label(pairs) => {
            words.extend(pairs.iter().flat_map(|p| std::iter::once(&p.key).chain(&p.value)));
        }
        Kind::Copy(transfer) | Kind::Add(transfer) => {
            let names: &[&str] = if instruction.keyword == Keyword::Add {
                &["chown", "chmod", "checksum"]
            } else {
                &["chown", "chmod"]
            };
            words.extend(names.iter().flat_map(|name| instruction.flag_values(name)));
            words.extend(transfer.sources.iter().chain(&transfer.destination));
        }
        Kind::Run { mounts, .. } => {
            words.extend(
                mounts
                    .iter()
                    .flat_map(|m| &m.options)
                    .filter_map(|(_, value)| value.as_ref()),
            );
        }
        Kind::Workdir(word) | Kind::User(word) | Kind::StopSignal(word) => words.push(word),
        Kind::Volume(list) => words.extend(list),
        _ => {}
    }
    words
}

fn look(cx: &mut Cx<'_>, instruction: &Instruction, word: &Word, is_known: &dyn Fn(&str) -> bool) {
    let mut seen: Vec<String> = Vec::new();
    for reference in expand::references(word, cx.file.lines.escape) {
        if !is_known(&reference.name) && !seen.contains(&reference.name) {
            check(cx, instruction, &reference.name, word.part(reference.range));
            seen.push(reference.name);
        }
    }
}

fn check(cx: &mut Cx<'_>, instruction: &Instruction, name: &str, span: Span) {
    let view = cx.file.view_at(instruction.index);
    if view.get(name).is_some() || STEERING.contains(&name) {
        return;
    }
    let help = match suggest::closest(name, view.nearby()) {
        Some(near) => format!("did you mean `${near}`?"),
        None if view.global(name).is_some() => format!("fetch it into this stage: `ARG {name}`"),
        None => "define it above with ENV or ARG, unless the base image sets it".to_owned(),
    };
    cx.report(Finding::new(span, format!("nothing above defines `${name}`")).help(help));
}
