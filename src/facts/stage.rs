//! What is derived once for a stage.

use super::Facts;
use crate::context::EntryKind;
use crate::model::{Form, Instruction, Kind, Stage};
use crate::source::Span;

/// What a stage is in the end.
#[derive(Debug, Default)]
pub struct StageFacts {
    /// The user in force at its end and where it was set; none where the base image decides.
    pub user: Option<(String, Option<Span>)>,
    /// Indices of its instructions, inherited ones included, that copy from the build context.
    pub context_copies: Vec<usize>,
    /// Those of them that copy the whole context or a folder of sources: a change of any file in it
    /// makes everything behind them run again.
    pub broad_copies: Vec<usize>,
    /// The CMD in force: an index, maybe into a stage below.
    pub cmd: Option<usize>,
    /// The ENTRYPOINT in force.
    pub entrypoint: Option<usize>,
}

pub(super) fn derive(facts: &Facts<'_>, stage: &Stage) -> StageFacts {
    let file = facts.file();
    let settings = file.settings_of(stage);
    let user = settings.user.map(|setting| {
        let word = file.instructions.get(setting.instruction).and_then(|i| match &i.kind {
            Kind::User(word) => Some(word),
            _ => None,
        });
        let text = setting
            .value
            .map(|v| v.to_string())
            .or(word.map(|w| w.value.clone()))
            .unwrap_or_default();
        (text, word.map(|w| w.span))
    });
    let mut out = StageFacts {
        user,
        ..StageFacts::default()
    };
    let mut chain: Vec<&Stage> = file.chain(stage).collect();
    chain.reverse();
    for instruction in chain.iter().flat_map(|s| file.instructions_of(s)) {
        match &instruction.kind {
            Kind::Cmd(_) => out.cmd = Some(instruction.index),
            Kind::Entrypoint(_) => {
                out.entrypoint = Some(instruction.index);
                // A CMD of the same stage stays, wherever it stands; one of a stage below does not.
                out.cmd = out.cmd.filter(|cmd| {
                    let other = file.instructions.get(*cmd);
                    other.is_some_and(|other| other.stage == instruction.stage)
                });
            }
            Kind::Copy(transfer) | Kind::Add(transfer) if transfer.from.is_none() => {
                if transfer.sources.iter().any(|source| !is_remote(&source.value)) {
                    out.context_copies.push(instruction.index);
                }
                if is_broad(facts, instruction) {
                    out.broad_copies.push(instruction.index);
                }
            }
            _ => {}
        }
    }
    out
}

fn is_remote(source: &str) -> bool {
    source.contains("://") || source.starts_with("git@")
}

/// Whether a COPY takes the whole context, or a folder of it.
fn is_broad(facts: &Facts<'_>, instruction: &Instruction) -> bool {
    let Some(transfer) = instruction.transfer() else {
        return false;
    };
    transfer.sources.iter().any(|source| {
        let path = source.value.trim_matches(['"', '\'']).trim_end_matches('/');
        match path.trim_start_matches("./").trim_start_matches('/') {
            "" | "." | "*" | "**" => true,
            path if path.contains(['*', '?', '[', '$']) || is_remote(path) => false,
            path => facts
                .context()
                .is_some_and(|context| context.kind(path) == Some(EntryKind::Dir)),
        }
    })
}

/// The words of a CMD or ENTRYPOINT in exec form, or its script.
pub fn command_text<'f>(facts: &Facts<'f>, index: usize) -> Option<&'f str> {
    let instruction = facts.file().instructions.get(index)?;
    match &instruction.kind {
        Kind::Cmd(form) | Kind::Entrypoint(form) => match form {
            Form::Shell(word) => Some(&word.value),
            Form::Exec(_) => Some(facts.file().source.slice(instruction.arguments_span)),
        },
        _ => None,
    }
}
