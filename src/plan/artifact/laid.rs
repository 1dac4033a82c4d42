//! What the steps of a build put into the stage besides what is known as an output: copied, installed,
//! written by a redirect, fetched, unpacked.

use super::landing::{absolute, join};
use super::moves::{makes_folders, transferred};
use super::outputs::Outputs;
use super::step::Step;
use crate::context::{EntryKind, sources};
use crate::plan::evidence::Evidence;
use crate::plan::site::{Place, Site};
use crate::shell::lies_in;

/// How something came to be where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A rule that installs, or a command that puts a file of the sources among the system's: it is
    /// meant for whoever runs what was built.
    Installed,
    /// It is there once the step has run.
    Made,
    /// A COPY from another stage or image; whether it is a file or a folder is not known.
    Copied,
    /// A folder with nothing in it.
    Empty,
    /// The step names it, or works there; whether it makes it is not known.
    Maybe,
}

/// Something that a step puts into the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laid {
    /// Absolute; a folder's ends with `/`; the last part may have a `*`.
    pub path: String,
    /// The step, or the COPY.
    pub place: Place,
    /// How.
    pub way: Way,
    /// The file or folder of the context that it is a copy of, where all of that is copied.
    pub from: Option<String>,
    /// What shows it.
    pub evidence: Evidence,
}

/// Folders that every image has, and that hold files of many: none of them is one program's own.
pub fn is_shared(folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    crate::plan::levels::SYSTEM.contains(&folder)
        || matches!(
            folder,
            "" | "/etc"
                | "/usr"
                | "/usr/local"
                | "/usr/local/etc"
                | "/usr/local/lib"
                | "/usr/local/share"
                | "/usr/lib"
                | "/usr/share"
                | "/lib"
                | "/opt"
                | "/srv"
                | "/var"
                | "/var/lib"
                | "/var/log"
                | "/var/cache"
                | "/run"
                | "/var/run"
                | "/home"
                | "/root"
                | "/tmp"
                | "/var/tmp"
                | "/mnt"
                | "/media"
        )
}

/// Takes note of what a step puts somewhere; outputs of compilers and bundlers are noted elsewhere.
pub fn step(outputs: &mut Outputs<'_>, step: &Step) {
    if step.followed {
        return;
    }
    for file in &step.writes {
        lay(outputs, step, file, Way::Made, "is written to it");
    }
    match step.program.as_str() {
        "cp" | "mv" | "install" | "rsync" | "ln" => transfer(outputs, step),
        "rm" => {
            for word in step.operands(&[]) {
                if let Some(path) = step.path(word.trim_end_matches("/*")) {
                    outputs.laid.retain(|laid| !lies_in(&laid.path, &path));
                }
            }
        }
        "tee" | "touch" => {
            for word in step.operands(&[]) {
                lay(outputs, step, word, Way::Made, "writes it");
            }
        }
        "mkdir" => {
            for word in step.operands(&["-m", "--mode"]) {
                lay(outputs, step, &format!("{word}/"), Way::Empty, "makes the folder");
            }
        }
        "curl" | "wget" => {
            let names: &[&str] = if step.program == "curl" {
                &["-o", "--output"]
            } else {
                &["-O", "--output-document"]
            };
            if let Some(file) = step.option(names) {
                lay(outputs, step, file, Way::Made, "fetches it");
            }
        }
        "tar" | "unzip" | "bsdtar" => {
            let folder = step.option(&["-C", "--directory", "-d"]).unwrap_or(".");
            lay(
                outputs,
                step,
                &format!("{folder}/"),
                Way::Maybe,
                "unpacks an archive there",
            );
        }
        _ => named(outputs, step),
    }
}

/// An install whose rules are not known may put something anywhere below its prefix.
pub fn lost(outputs: &mut Outputs<'_>, step: &Step) {
    if step.words.iter().any(|w| w.contains("install")) {
        let prefix = step
            .words
            .iter()
            .find_map(|w| w.strip_prefix("PREFIX=").or(w.strip_prefix("prefix=")));
        let prefix = prefix.unwrap_or("/usr/local").trim_end_matches('/').to_owned();
        lay(outputs, step, &format!("{prefix}/"), Way::Maybe, "installs below it");
    }
}

/// What other commands name: an output by its option, else whatever it does with it.
fn named(outputs: &mut Outputs<'_>, step: &Step) {
    let quiet = matches!(
        step.program.as_str(),
        "cd" | "set" | "echo" | "printf" | "test" | "[" | "ls" | "cat" | "grep" | "chmod" | "chown" | "chgrp" | "ldd"
    );
    let manager = matches!(
        step.program.as_str(),
        "apt-get" | "apt" | "apk" | "yum" | "dnf" | "pip" | "pip3" | "gem" | "useradd" | "adduser" | "addgroup"
    );
    if quiet || manager || crate::knowledge::ecosystem::is_tool(&step.program) {
        return;
    }
    let made = ["-o", "--output", "--out", "-out", "--outfile"];
    let output = step.option(&made).map(str::to_owned);
    for word in &step.words {
        let value = match word.strip_prefix('-') {
            Some(option) => option.split_once('=').map(|(_, value)| value),
            None => Some(word.as_str()),
        };
        let Some(value) = value.filter(|v| v.contains(['/', '.']) && !v.contains("://") && !v.contains(' ')) else {
            continue;
        };
        let way = if output.as_deref() == Some(value) {
            Way::Made
        } else {
            Way::Maybe
        };
        lay(outputs, step, value, way, "names it");
    }
}

fn transfer(outputs: &mut Outputs<'_>, step: &Step) {
    let (target, mut operands) = transferred(step);
    if makes_folders(step) {
        for word in operands {
            lay(outputs, step, &format!("{word}/"), Way::Empty, "makes the folder");
        }
        return;
    }
    let target = match (target, operands.pop()) {
        (Some(target), last) => {
            operands.extend(last);
            format!("{}/", target.trim_end_matches('/'))
        }
        (None, Some(last)) => last.to_owned(),
        (None, None) => return,
    };
    let Some(to) = step.path(&target) else { return };
    let whole = step.words.iter().any(|w| {
        w == "--recursive"
            || w == "--archive"
            || w.starts_with('-') && !w.starts_with("--") && w.contains(['r', 'R', 'a'])
    });
    let known = |path: &str| {
        let path = format!("{}/", path.trim_end_matches('/'));
        outputs.laid.iter().any(|laid| laid.path == path)
    };
    let folder = target.ends_with('/')
        || target.ends_with("/.")
        || matches!(target.as_str(), "." | "..")
        || operands.len() > 1
        || outputs.is_folder(&to)
        || is_shared(&to)
        || known(&to);
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for operand in &operands {
        let context = |word: &str| {
            let from = step.path(word)?;
            outputs.landing.context_of(&from)
        };
        let base = operand.trim_end_matches("/.").trim_end_matches('/');
        let name = base.rsplit('/').next().unwrap_or(base);
        if sources::has_wildcard(operand) {
            let all = context(operand).zip(outputs.site.context);
            let all = all.map(|(pattern, context)| context.glob(&pattern)).unwrap_or_default();
            if !all.is_empty() {
                for path in all {
                    let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
                    let end = tree(outputs, &path);
                    found.push((format!("{}{end}", join(&to, &name)), Some(path)));
                }
            } else if is_shared(&to) {
                found.push((join(&to, name), None));
            } else {
                found.push((format!("{}/", to.trim_end_matches('/')), None));
            }
            continue;
        }
        let from = context(base);
        let is_tree = match from.as_deref().map(|path| tree(outputs, path)) {
            Some("/") => true,
            _ => whole && !name.trim_start_matches('.').contains('.') || operand.ends_with("/."),
        };
        let content = operand.ends_with("/.") || step.program == "rsync" && operand.ends_with('/');
        let path = if folder && !content {
            join(&to, name)
        } else {
            to.trim_end_matches('/').to_owned()
        };
        let end = if is_tree { "/" } else { "" };
        if is_tree && is_shared(&path) {
            // Of what goes among others' files each is named.
            let inside = from.zip(outputs.site.context);
            let inside = inside.map(|(folder, context)| context.glob(&format!("{folder}/*")));
            let inside = inside.unwrap_or_default();
            if inside.is_empty() {
                lay(outputs, step, &format!("{path}/"), Way::Maybe, "fills it");
            }
            for file in inside {
                let name = file.rsplit('/').next().unwrap_or(&file).to_owned();
                let end = tree(outputs, &file);
                found.push((format!("{}{end}", join(&path, &name)), Some(file)));
            }
            continue;
        }
        found.push((format!("{path}{end}"), from));
    }
    for (path, from) in found {
        let all = from
            .as_ref()
            .filter(|_| step.program != "mv")
            .map(|from| match from.rsplit_once('/') {
                Some((folder, _)) if operands.iter().any(|o| o.ends_with(&format!("{folder}/*"))) => folder.to_owned(),
                _ => from.clone(),
            });
        let is_source = from.as_deref().is_some_and(|from| {
            let sent = outputs.site.context.is_some_and(|c| c.is_sent(from));
            sent && !outputs
                .landing
                .trees()
                .any(|(image, _)| image != "/" && lies_in(&path, image))
        });
        let rule = step.program == "install" || step.via.iter().any(|via| via.contains("install"));
        let way = if step.program != "ln" && (rule || is_source) {
            Way::Installed
        } else {
            Way::Made
        };
        lay(outputs, step, &path, way, "puts it there");
        if let Some(last) = outputs.laid.last_mut().filter(|laid| laid.path == path) {
            last.from = all;
        }
    }
    if step.program == "mv" {
        for operand in operands {
            if let Some(from) = step.path(operand) {
                outputs
                    .laid
                    .retain(|laid| laid.place == step.place || !lies_in(&laid.path, &from));
            }
        }
    }
}

/// `/` for a folder of the context.
fn tree(outputs: &Outputs<'_>, path: &str) -> &'static str {
    match outputs.site.context.and_then(|c| c.kind(path)) {
        Some(EntryKind::Dir) => "/",
        _ => "",
    }
}

fn lay(outputs: &mut Outputs<'_>, step: &Step, word: &str, way: Way, says: &str) {
    let end = if word.ends_with('/') { "/" } else { "" };
    let Some(path) = step.path(word) else { return };
    let path = format!("{}{end}", path.trim_end_matches('/'));
    let way = if step.conditional { Way::Maybe } else { way };
    put(
        outputs,
        Laid {
            path,
            place: step.place,
            way,
            from: None,
            evidence: step.evidence(format!("`{}` {says}", crate::plan::deal::short(&step.text()))),
        },
    );
}

/// Adds something, unless nothing that runs could want it.
pub fn put(outputs: &mut Outputs<'_>, laid: Laid) {
    let passing = ["/tmp", "/dev", "/proc", "/sys", "/run", "/var/tmp", "/var/cache"];
    if laid.path.len() < 2 || passing.iter().any(|folder| lies_in(&laid.path, folder)) {
        return;
    }
    // The last one to make it is the one that does, unless that only names it.
    if laid.way == Way::Maybe && outputs.laid.iter().any(|known| known.path == laid.path) {
        return;
    }
    outputs.laid.retain(|known| known.path != laid.path);
    outputs.laid.push(laid);
}

/// What COPY brings from other stages and images, and ADD from the network.
pub fn copied(site: &Site<'_>) -> Vec<Laid> {
    let mut out = Vec::new();
    for instruction in site.instructions() {
        let Some(transfer) = instruction.transfer() else {
            continue;
        };
        let from = transfer.from.as_ref().map(|(from, _)| from.value.as_str());
        let value = |word| site.value(word, instruction.index);
        let Some(written) = transfer.destination.as_ref().and_then(value) else {
            continue;
        };
        let workdir = site.workdir_at(instruction.index);
        let Some(to) = absolute(workdir.as_deref(), &written) else {
            continue;
        };
        for source in &transfer.sources {
            let Some(source) = value(source) else { continue };
            let remote = from.is_none() && source.contains("://");
            if from.is_none() && !remote {
                continue;
            }
            let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let here = workdir.as_deref() == Some(to.as_str());
            let is_file = name.contains('.') || source.contains("/bin/");
            let folder = written.ends_with('/') || here || is_shared(&to) || transfer.sources.len() > 1;
            let path = match (is_file, folder) {
                (true, true) => join(&to, name),
                (true, false) => to.clone(),
                (false, _) => format!("{}/", to.trim_end_matches('/')),
            };
            out.push(Laid {
                path,
                place: Place {
                    instruction: instruction.index,
                    piece: None,
                },
                way: if remote { Way::Made } else { Way::Copied },
                from: None,
                evidence: match from {
                    Some(from) => Evidence::command(instruction.span, format!("it is copied from {from}")),
                    None => Evidence::command(instruction.span, "it is fetched"),
                },
            });
        }
    }
    out
}
