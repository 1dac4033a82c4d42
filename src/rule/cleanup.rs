//! A command that cleans up, put at the end of a RUN where it is sure to work.

use super::layout;
use crate::edit::Edit;
use crate::facts::{CommandView, Facts};
use crate::shell::lies_in;
use crate::shell::operations::{Action, Packages};
use crate::shell::{Operation, Operator, Script};

/// Scripts with more links or operations than this are left as they are.
const REACH: usize = 500;

/// Wrappers behind which a command runs as the same user, in the same place.
const SAME_USER: &[&str] = &[
    "env", "time", "nice", "ionice", "exec", "command", "nohup", "stdbuf", "timeout",
];

/// Puts `command` behind the last command of the RUN, for what the command of `view` left behind; by
/// `sudo`, where that ran by it. None where it could fail although the RUN did not: where the program
/// may be missing there, where it is removed in between, or where another user left the rest.
pub fn append(facts: &Facts<'_>, view: &CommandView<'_>, command: &str) -> Option<Edit> {
    let tool = command.split(' ').next().unwrap_or_default();
    let place = &view.command.place;
    if place.nested {
        return None;
    }
    let mut prefix = "";
    for wrapper in view.wrappers() {
        match wrapper.text.rsplit('/').next().unwrap_or_default() {
            "sudo" => prefix = "sudo ",
            name if SAME_USER.contains(&name) || name.contains('=') => {}
            _ => return None,
        }
    }
    let is_certain = || !place.in_conditional && !place.in_function && is_there(view.script, tool);
    if tool != "rm" && (!is_certain() || is_gone(facts, view, tool)) {
        return None;
    }
    layout::append(
        facts.file(),
        view.instruction,
        view.script,
        &format!("{prefix}{command}"),
    )
}

/// Whether no `||` lets the script go on without the program.
fn is_there(script: &Script, tool: &str) -> bool {
    script.chain.len() <= REACH
        && script
            .chain
            .iter()
            .filter(|link| link.operator.is_some_and(|(operator, _)| operator == Operator::OrIf))
            .all(|link| {
                script
                    .link_commands(link)
                    .first()
                    .map(|c| c.effective().base_name())
                    .is_some_and(|name| name == tool || matches!(name, "true" | ":" | "exit" | "false"))
            })
}

/// Whether a command behind that of `view` may remove the program, or the folder that it is run in.
fn is_gone(facts: &Facts<'_>, view: &CommandView<'_>, tool: &str) -> bool {
    let Some(run) = facts.run(view.instruction) else {
        return true;
    };
    let folder = view
        .script
        .commands
        .iter()
        .rev()
        .take(REACH)
        .find(|c| c.name.text == "cd" && c.place.depth == 0)
        .and_then(|c| c.words.last())
        .map(|word| word.text.trim_end_matches('/'));
    let later = run.operations_from(view.index + 1);
    later.len() > REACH
        || later.iter().any(|operation| match operation {
            Operation::Packages(p) if p.action == Action::Remove => removes(p, run.operations(), tool),
            Operation::Clean(clean) => clean.paths.iter().any(|path| {
                let path = path.text.trim_end_matches(['*', '/']);
                let name = path.rsplit('/').next().unwrap_or_default();
                names_program(name, tool)
                    || path.contains("lib/node_modules")
                    || folder.is_some_and(|folder| holds(path, folder))
            }),
            _ => false,
        })
}

/// Whether the package of the program may be among those that are removed, also as a part of a group
/// or of a variable's value.
fn removes(removal: &Packages, all: &[Operation], tool: &str) -> bool {
    removal.packages.iter().any(|package| {
        if package.is_variable || package.name.contains('$') {
            return true;
        }
        let group = all.iter().take(REACH).find_map(|operation| match operation {
            Operation::Packages(p) if p.group.as_deref() == Some(package.name.as_str()) => Some(p),
            _ => None,
        });
        match group {
            Some(group) => group
                .packages
                .iter()
                .any(|p| p.is_variable || names_program(&p.name, tool)),
            // A group from another RUN may hold anything.
            None => package.name.starts_with('.') || names_program(&package.name, tool),
        }
    })
}

/// Whether a package or a file of this name is the program, or what it runs on.
fn names_program(name: &str, tool: &str) -> bool {
    let name = name.trim_start_matches('.');
    match tool {
        "npm" | "yarn" => name == "node" || name.starts_with("nodejs") || name.starts_with(tool),
        "composer" => name.starts_with(tool) || name == "php" || name.ends_with("-cli"),
        _ => name.starts_with(tool),
    }
}

/// Whether the folder lies in the path, or may: what begins relative to another folder is not followed.
fn holds(path: &str, folder: &str) -> bool {
    if path == "." || path.contains('$') || path.contains("..") {
        return true;
    }
    let name = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    lies_in(folder, path)
        || !path.starts_with('/') && name(path) == name(folder)
        || !folder.starts_with('/') && name(path) == name(folder)
}
