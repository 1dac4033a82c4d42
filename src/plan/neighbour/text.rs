//! Makefiles, scripts, CI and README: commands that build, name or use the image.

use super::command::reliance;
use super::{Look, Neighbour, Relied};
use crate::context::repository::builds::bare;
use crate::context::repository::yaml::{self, Line};
use crate::knowledge;

/// Looks for commands that run something in the image.
pub fn commands(look: &Look<'_>, path: &str, out: &mut Vec<Neighbour>) {
    let Some(text) = look.read(path) else { return };
    let mut fly_processes = false;
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let trimmed = line.trim();
        if let Some((image, command)) = run_in(trimmed) {
            if look.is_ours(image) {
                note(look, path, number, &command, out);
            } else if look.names.is_empty() && !is_public(image) && reliance(look.site, &command) == Some(true) {
                // Nobody says what the image is called; who develops in one may mean it.
                out.push(Neighbour {
                    says: format!("{path} runs `{command}` in an image that may be this one"),
                    on: Relied::Command(super::command::words(&command)),
                    evidence: look.evidence(path, number, format!("it is run in a container of `{image}`")),
                    breaks: false,
                });
            }
        }
        if path.ends_with("fly.toml") {
            if trimmed.starts_with('[') {
                fly_processes = trimmed == "[processes]";
            }
            let value = trimmed.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
            if let Some((key, value)) = value
                && (key == "release_command" || fly_processes)
            {
                note(look, path, number, value, out);
            }
        }
    }
    if path.ends_with(".yml") || path.ends_with(".yaml") {
        jobs(look, path, &text, out);
    }
}

/// Whether an image is one that the table knows, or somebody else's by its name alone.
fn is_public(image: &str) -> bool {
    let bare = bare(image);
    bare.contains('/') || knowledge::image(None, bare).is_some()
}

/// Jobs of a pipeline that run in the image.
fn jobs(look: &Look<'_>, path: &str, text: &str, out: &mut Vec<Neighbour>) {
    let names = |value: &str| {
        let own = look.is_ours(value);
        // The registry of a repository bears its image.
        let registry = ["$CI_REGISTRY_IMAGE", "${CI_REGISTRY_IMAGE}"];
        own || look.names.is_empty() && registry.contains(&bare(value))
    };
    if !text.contains("image:") && !text.contains("container:") {
        return;
    }
    let lines = yaml::lines(text);
    for (at, line) in lines.iter().enumerate() {
        if !matches!(line.key, "image" | "container" | "name") || !names(yaml::unquoted(line.value)) {
            continue;
        }
        let outer = |at: usize| {
            let indent = lines.get(at).map_or(0, |l| l.indent);
            (0..at).rev().find(|i| lines.get(*i).is_some_and(|l| l.indent < indent))
        };
        let mut owner = outer(at);
        let is =
            |at: Option<usize>, keys: &[&str]| at.and_then(|at| lines.get(at)).is_some_and(|l| keys.contains(&l.key));
        match line.key {
            "name" if !is(owner, &["image"]) => continue,
            _ if is(owner, &["image", "container"]) => owner = owner.and_then(outer),
            _ => {}
        }
        let block = match owner {
            Some(owner) => yaml::below(&lines, owner),
            None => &lines,
        };
        for (at, line) in block.iter().enumerate() {
            if !matches!(
                line.key,
                "script" | "before_script" | "after_script" | "run" | "commands"
            ) {
                continue;
            }
            for (command, number) in script(block, at) {
                note(look, path, number, &command, out);
            }
        }
    }
}

/// The lines of a script in a pipeline.
fn script(lines: &[Line<'_>], at: usize) -> Vec<(String, usize)> {
    let whole = |l: &Line<'_>| match l.key {
        "" => l.value.to_owned(),
        key => format!("{key}: {}", l.value),
    };
    let Some(line) = lines.get(at) else { return Vec::new() };
    if !line.value.is_empty() && !line.value.starts_with(['|', '>']) {
        return yaml::items(lines, at)
            .into_iter()
            .map(|(c, n)| (c.to_owned(), n))
            .collect();
    }
    yaml::below(lines, at).iter().map(|l| (whole(l), l.number)).collect()
}

fn note(look: &Look<'_>, path: &str, line: usize, command: &str, out: &mut Vec<Neighbour>) {
    if let Some(breaks) = reliance(look.site, command) {
        out.push(Neighbour {
            says: format!("{path} runs `{command}` in the image"),
            on: Relied::Command(super::command::words(command)),
            evidence: look.evidence(path, line, "it is run in a container of the image"),
            breaks,
        });
    }
}

/// The image and the command of `docker run IMAGE ...`.
fn run_in(line: &str) -> Option<(&str, String)> {
    let line = line.trim_end_matches('`').trim_matches('"');
    let rest = ["docker run ", "podman run "]
        .iter()
        .find_map(|p| line.split_once(p).map(|(_, r)| r))?;
    let rest = rest.split('`').next().unwrap_or(rest);
    let mut words = rest.split_whitespace();
    let mut image = None;
    while let Some(word) = words.next() {
        if let Some(flag) = word.strip_prefix('-') {
            // Values of options stand behind `=`, or in the next word.
            let alone = flag.contains('=')
                || matches!(
                    flag,
                    "d" | "i"
                        | "t"
                        | "it"
                        | "ti"
                        | "dit"
                        | "-rm"
                        | "-init"
                        | "-privileged"
                        | "-detach"
                        | "-tty"
                        | "-interactive"
                        | "P"
                );
            if !alone {
                words.next();
            }
            continue;
        }
        image = Some(word);
        break;
    }
    let image = image?;
    let command: Vec<&str> = words
        .take_while(|w| !matches!(*w, "&&" | "||" | ";" | "|" | "\\" | ">"))
        .collect();
    let text = || command.join(" ").trim_matches(['`', '\'', '"']).to_owned();
    (!command.is_empty()).then(|| (image, text()))
}
