//! A user's name stands where no file says who that is.

use crate::model::{Instruction, Kind, Transfer};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::Word;

/// See `rules/name-without-passwd.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        // By stage: whether names may be known in it.
        let mut known: Vec<bool> = Vec::with_capacity(cx.file.stages.len());
        for stage in &cx.file.stages {
            let below = stage.parent().and_then(|id| known.get(id.0)).copied();
            let mut has_names = below.unwrap_or(!stage.from_scratch);
            for instruction in cx.file.instructions_of(stage) {
                if has_names {
                    break;
                }
                if let Some(word) = identity(instruction)
                    && let Some(name) = cx
                        .file
                        .fixed_value(word, instruction.index)
                        .as_deref()
                        .and_then(name_in)
                {
                    let message = format!("nothing in this stage says who `{name}` is");
                    cx.report(
                        Finding::new(word.span, message)
                            .help("write numbers, or copy `/etc/passwd` and `/etc/group` before"),
                    );
                }
                has_names = instruction.transfer().is_some_and(brings_names);
            }
            known.push(has_names);
        }
    }
}

/// The user of a USER or `--chown`.
fn identity(instruction: &Instruction) -> Option<&Word> {
    match &instruction.kind {
        Kind::User(word) => Some(word),
        Kind::Copy(_) | Kind::Add(_) => instruction.flag("chown")?.value.as_ref(),
        _ => None,
    }
}

/// The part of `user:group` that is a name; root's is known everywhere.
fn name_in(value: &str) -> Option<String> {
    let is_name = |part: &&str| !part.is_empty() && *part != "root" && !part.bytes().all(|b| b.is_ascii_digit());
    value.split(':').find(is_name).map(str::to_owned)
}

/// Whether a COPY may bring `/etc/passwd`.
fn brings_names(transfer: &Transfer) -> bool {
    let target = transfer
        .destination
        .as_ref()
        .map(|d| d.value.trim_matches(['"', '\'']))
        .unwrap_or_default();
    transfer.sources.iter().any(|s| s.value.contains("etc"))
        || matches!(target.trim_end_matches('/'), "" | "/etc" | "/etc/passwd" | "/etc/group")
}
