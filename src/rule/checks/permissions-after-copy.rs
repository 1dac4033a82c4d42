//! Owner or mode is changed in a layer behind the COPY.

use crate::context::EntryKind;
use crate::edit::{Applicability, Edit, Effect, Fix};
use crate::facts::archives::is_remote;
use crate::model::{Form, Instruction, Kind, Stage};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::operations::Permissions;
use crate::shell::{Operation, Operator, Script};
use crate::source::Span;
use std::collections::HashMap;

/// See `rules/permissions-after-copy.yaml`.
pub struct Rule;

/// What a COPY put somewhere.
#[derive(Clone, Copy)]
struct Copied {
    /// Known to be a folder: only `-R` reaches what was copied.
    is_folder: bool,
    /// The instruction's index.
    index: usize,
}

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        if !stage.ships || crate::facts::windows::is_windows(stage) {
            return;
        }
        let (file, facts) = (cx.file, cx.facts);
        // By absolute path, without `/` at its end: what a source becomes, or the folder it goes into.
        let mut copied: HashMap<String, Copied> = HashMap::new();
        for instruction in file.instructions_of(stage) {
            if let Some(transfer) = instruction.transfer() {
                let Some(target) = transfer
                    .destination
                    .as_ref()
                    .and_then(|d| absolute(cx, &d.value, instruction.index))
                else {
                    continue;
                };
                let into_folder = target.1 || transfer.sources.len() > 1;
                for source in &transfer.sources {
                    let name = source
                        .value
                        .trim_end_matches('/')
                        .rsplit('/')
                        .next()
                        .unwrap_or_default();
                    let plain =
                        !name.is_empty() && name != "." && !name.contains(['*', '?', '$']) && !is_remote(&source.value);
                    // A folder's content goes into the destination, a file keeps its name there.
                    let path = if into_folder && plain {
                        format!("{}/{name}", target.0)
                    } else {
                        target.0.clone()
                    };
                    let own = source.value.trim_matches(['"', '\'']);
                    let is_folder = !plain
                        || transfer.from.is_none() && cx.context.and_then(|c| c.kind(own)) == Some(EntryKind::Dir);
                    let index = instruction.index;
                    copied.insert(path, Copied { is_folder, index });
                    if into_folder && plain {
                        copied.insert(target.0.clone(), Copied { is_folder: true, index });
                    }
                }
                continue;
            }
            if copied.is_empty() {
                continue;
            }
            let Some(run) = facts.run(instruction) else { continue };
            let mut found = None;
            for operation in run.operations() {
                let Operation::Permissions(change) = operation else {
                    continue;
                };
                let hit = change.paths.iter().find_map(|path| {
                    let (absolute, _) = absolute(cx, &path.text, instruction.index)?;
                    let copy = copied.get(&absolute)?;
                    (change.recursive || !copy.is_folder).then_some((path.span, copy.index))
                });
                if let Some((span, copy)) = hit {
                    found = Some((change, span, copy));
                    break;
                }
            }
            let Some((change, span, copy)) = found else { continue };
            let Some(copy) = file.instructions.get(copy) else {
                continue;
            };
            let whole = change.recursive;
            let message = if whole {
                "this puts every file below it into the image a second time"
            } else {
                "this puts the file into the image a second time"
            };
            let flag = if change.tool == "chmod" { "--chmod" } else { "--chown" };
            let mut finding = Finding::new(span, message)
                .related(copy.span, "copied here")
                .help(format!(
                    "write `{flag}={}` at the {}",
                    value(change),
                    copy.keyword.name()
                ));
            if let Some(fix) = fix(cx, copy, instruction, &run.script, change) {
                finding = finding.fix(fix);
            }
            cx.report(finding);
        }
    }
}

/// What the flag would say: what was written, where the flag understands it.
fn value(change: &Permissions) -> &str {
    let written = change.mode.as_ref().filter(|m| m.literal).map(|m| m.text.as_str());
    match written {
        Some("+x" | "a+x" | "ugo+x") if change.tool == "chmod" && !change.recursive => "755",
        Some(text) if change.tool == "chmod" && !text.bytes().all(|b| b.is_ascii_digit()) => "...",
        Some(text) if !text.starts_with(':') => text,
        _ => "...",
    }
}

/// A path as the instruction means it, and whether it is written as a folder.
fn absolute(cx: &Cx<'_>, path: &str, at: usize) -> Option<(String, bool)> {
    let path = path.trim_matches(['"', '\'']);
    if path.contains('$') {
        return None;
    }
    let folder = path.ends_with('/') || matches!(path, "." | "./");
    let full = if path.starts_with('/') {
        path.to_owned()
    } else {
        let workdir = match cx.file.settings_at(at).workdir {
            Some(setting) => setting.value?.to_string(),
            None => "/".to_owned(),
        };
        format!("{workdir}/{path}")
    };
    let parts: Vec<&str> = full.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    (!parts.contains(&"..")).then(|| (parts.iter().map(|p| format!("/{p}")).collect(), folder))
}

/// Moves the change into the COPY, where the RUN follows it directly and begins with it.
fn fix(cx: &Cx<'_>, copy: &Instruction, run: &Instruction, script: &Script, change: &Permissions) -> Option<Fix> {
    let Kind::Run {
        form: Form::Shell(_),
        heredocs,
        mounts,
    } = &run.kind
    else {
        return None;
    };
    let transfer = copy.transfer()?;
    let [source] = transfer.sources.as_slice() else {
        return None;
    };
    let opaque = cx.file.is_opaque(run.index) || cx.file.is_opaque(copy.index);
    if run.index != copy.index + 1 || !heredocs.is_empty() || !mounts.is_empty() || script.has_error || opaque {
        return None;
    }
    let first = script.chain.first()?;
    if !first.is_simple || first.commands.len() != 1 || change.paths.len() != 1 {
        return None;
    }
    let [command] = script.link_commands(first) else {
        return None;
    };
    if command.effective().base_name() != change.tool
        || !command.redirects.is_empty()
        || command.name.text != change.tool
    {
        return None;
    }
    let written = change.mode.as_ref().filter(|m| m.literal)?.text.as_str();
    let is_mode = change.tool == "chmod";
    let numeric = written.bytes().all(|b| b.is_ascii_digit());
    let (flag, value) = match (is_mode, written) {
        (true, "+x" | "a+x" | "ugo+x") if !change.recursive => ("chmod", "755"),
        (true, mode) if numeric => ("chmod", mode),
        (false, owner) if change.tool == "chown" && !owner.starts_with(':') => ("chown", owner),
        _ => return None,
    };
    if copy.flag(flag).is_some() || !is_mode && cx.file.settings_at(run.index).user.is_some() {
        return None;
    }
    let kind = cx.context.and_then(|c| c.kind(source.value.trim_matches(['"', '\''])));
    let is_file = transfer.from.is_none() && matches!(kind, Some(EntryKind::File));
    let gone = match script.chain.get(1) {
        None => {
            let text = cx.file.source.text();
            let end = text
                .get(run.span.end..)
                .and_then(|rest| rest.find('\n'))
                .map_or(text.len(), |at| run.span.end + at + 1);
            Span::new(run.span.start, end)
        }
        Some(next) if next.operator.is_some_and(|(operator, _)| operator == Operator::AndIf) => {
            Span::new(first.span.start, next.span.start)
        }
        Some(_) => return None,
    };
    let mut fix = Fix::safe(
        format!("set it by `--{flag}={value}`"),
        vec![
            Edit::insert(copy.keyword_span.end, format!(" --{flag}={value}")),
            Edit::delete(gone),
        ],
    );
    if !(is_mode && numeric && is_file) {
        fix.applicability = Applicability::Unsafe;
    }
    Some(fix.with_effects([Effect::Layers, Effect::Files, Effect::Build]))
}
