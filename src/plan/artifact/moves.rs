//! Commands that copy, move, link or remove what was made.

use super::ArtifactKind;
use super::outputs::{Output, Outputs};
use super::step::Step;
use crate::config::glob::Glob;
use crate::shell::lies_in;

/// Whether the step was one of them.
pub fn step(outputs: &mut Outputs<'_>, step: &Step) -> bool {
    match step.program.as_str() {
        "cp" | "mv" | "install" | "ln" => transfer(outputs, step),
        "rm" => {
            for word in step.operands(&[]) {
                let Some(path) = step.path(word) else { continue };
                outputs.list.retain(|o| !lies_in(&o.path, &path));
            }
        }
        _ => return false,
    }
    true
}

/// The folder that `cp`, `mv`, `install` or `ln` is told to put things into, and its operands.
pub(super) fn transferred(step: &Step) -> (Option<&str>, Vec<&str>) {
    let values = [
        "-t",
        "--target-directory",
        "-m",
        "--mode",
        "-o",
        "--owner",
        "-g",
        "--group",
        "-S",
    ];
    (step.option(&["-t", "--target-directory"]), step.operands(&values))
}

/// Whether `install` makes folders, and copies nothing.
pub(super) fn makes_folders(step: &Step) -> bool {
    step.program == "install" && (step.has("-d") || step.has("--directory"))
}

fn transfer(outputs: &mut Outputs<'_>, step: &Step) {
    if makes_folders(step) {
        return;
    }
    let (target, mut operands) = transferred(step);
    let Some(target) = target.or_else(|| operands.pop()) else {
        return;
    };
    let Some(to) = step.path(target) else { return };
    let many = operands.len() > 1 || operands.iter().any(|o| o.contains('*'));
    let folder = target.ends_with('/') || target == "." || outputs.is_folder(&to);
    for operand in operands {
        // A link's target is relative to the link's folder.
        let from = if step.program == "ln" && !operand.starts_with('/') {
            let parent = to.rsplit_once('/').map_or("/", |(p, _)| p);
            super::landing::absolute(Some(if folder { &to } else { parent }), operand)
        } else {
            step.path(operand)
        };
        let Some(from) = from else { continue };
        let mut made: Vec<Output> = Vec::new();
        for known in &outputs.list {
            if let Some(path) = destination(known, &from, operand.ends_with("/."), &to, folder, many) {
                let mut copy = known.clone();
                copy.path = path;
                copy.place = step.place;
                copy.explicit = step.via.is_empty();
                copy.sources
                    .push(step.evidence(format!("`{}` puts it there", step.text())));
                made.push(copy);
            }
        }
        if step.program == "mv" {
            outputs
                .list
                .retain(|known| destination(known, &from, false, &to, folder, many).is_none());
        } else if step.program != "ln" {
            // The copy is what is wanted; what it was copied from counts only if CMD names it.
            let sources = &mut outputs.list;
            for known in sources.iter_mut() {
                if destination(known, &from, false, &to, folder, many).is_some() {
                    known.explicit = false;
                }
            }
        }
        for output in made {
            outputs.push(output);
        }
    }
}

/// Where an output lies behind the transfer of `from`; none where it is not part of it.
fn destination(known: &Output, from: &str, content: bool, to: &str, folder: bool, many: bool) -> Option<String> {
    let own = known.path.trim_end_matches('/');
    let is_tree = known.path.ends_with('/');
    let to = to.trim_end_matches('/');
    // The whole folder, its content, or one file.
    if let Some(parent) = from.strip_suffix("/*") {
        if own == parent && is_tree {
            return Some(format!("{to}/"));
        }
        let rest = own.strip_prefix(parent)?.strip_prefix('/')?;
        return Some(format!("{to}/{rest}{}", if is_tree { "/" } else { "" }));
    }
    if own == from || fits(from, own) {
        let name = own.rsplit('/').next().unwrap_or(own);
        let into = folder && (many || !content);
        let path = if into { format!("{to}/{name}") } else { to.to_owned() };
        // A single file that a pattern stands for gets the destination's name.
        return Some(if is_tree { format!("{path}/") } else { path });
    }
    // A folder that holds it.
    let rest = own.strip_prefix(from)?.strip_prefix('/')?;
    let name = from.rsplit('/').next().unwrap_or(from);
    let base = if folder && !content {
        format!("{to}/{name}")
    } else {
        to.to_owned()
    };
    Some(format!("{base}/{rest}{}", if is_tree { "/" } else { "" }))
}

/// Whether two paths of which one or both have a `*` in the last part can be the same.
pub fn fits(pattern: &str, path: &str) -> bool {
    if pattern == path {
        return true;
    }
    let (Some((folder, name)), Some((other, file))) = (pattern.rsplit_once('/'), path.rsplit_once('/')) else {
        return false;
    };
    if folder != other {
        return false;
    }
    match (name.contains('*'), file.contains('*')) {
        (true, false) => Glob::go(name).is_ok_and(|g| g.matches(file)),
        (false, true) => Glob::go(file).is_ok_and(|g| g.matches(name)),
        (true, true) => {
            let ending = |n: &str| n.rsplit('.').next().map(str::to_owned);
            ending(name) == ending(file)
        }
        (false, false) => false,
    }
}

/// Whether a path is the output itself, or lies in it.
pub fn holds(output: &Output, path: &str) -> bool {
    if output.path.ends_with('/') {
        return path.starts_with(&output.path) || path == output.path.trim_end_matches('/');
    }
    if matches!(output.kind, ArtifactKind::Assembly) && output.path == path {
        return true;
    }
    fits(&output.path, path)
}
