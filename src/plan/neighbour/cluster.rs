//! Objects of Kubernetes whose containers run the image.

use super::command::{mentions, reliance};
use super::{Look, Neighbour, Relied};
use crate::context::repository::builds::bare;
use crate::context::repository::yaml::{self, Line, unquoted};

/// Looks at the containers of a file of objects.
pub fn objects(look: &Look<'_>, path: &str, out: &mut Vec<Neighbour>) {
    let Some(text) = look.read(path) else { return };
    if !text.contains("apiVersion:") || !text.contains("command:") {
        return;
    }
    let lines = yaml::lines(&text);
    for (at, line) in lines.iter().enumerate() {
        if line.key != "image" || line.value.is_empty() {
            continue;
        }
        let container = container(&lines, at);
        let commands: Vec<(String, usize)> = container
            .iter()
            .enumerate()
            .filter_map(|(at, line)| command(container, at, line))
            .collect();
        // Where nobody says what the image is called, what is started tells.
        let started = || commands.iter().any(|(command, _)| mentions(look.site, command));
        if !(is_ours(look, unquoted(line.value)) || look.names.is_empty() && started()) {
            continue;
        }
        for (command, number) in &commands {
            if let Some(breaks) = reliance(look.site, command) {
                out.push(Neighbour {
                    says: format!("{path} runs `{command}` in the image"),
                    on: Relied::Command(super::command::words(command)),
                    evidence: look.evidence(path, *number, "a container runs it"),
                    breaks,
                });
            }
        }
    }
}

/// The same name, or the same last part of it: a cluster may pull it from elsewhere.
fn is_ours(look: &Look<'_>, image: &str) -> bool {
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let own = last(bare(image));
    look.is_ours(image)
        || look
            .names
            .iter()
            .any(|name| last(name) == own && !own.contains(['$', '{']))
}

/// The lines of the container whose image stands in a line.
fn container<'l, 't>(lines: &'l [Line<'t>], at: usize) -> &'l [Line<'t>] {
    let indent = lines.get(at).map_or(0, |l| l.indent);
    let starts = |i: &usize| lines.get(*i).is_some_and(|l| l.item && l.indent <= indent);
    let Some(start) = (0..=at).rev().find(starts) else {
        return &[];
    };
    let outer = lines.get(start).map_or(0, |l| l.indent);
    let rest = lines.get(start + 1..).unwrap_or_default();
    let end = start + 1 + rest.iter().take_while(|l| l.indent > outer).count();
    lines.get(start..end).unwrap_or_default()
}

/// The command of a container or of a probe, in a list or between braces.
fn command(lines: &[Line<'_>], at: usize, line: &Line<'_>) -> Option<(String, usize)> {
    if line.key == "command" {
        let words: Vec<&str> = yaml::items(lines, at).into_iter().map(|(word, _)| word).collect();
        return Some((words.join(" "), line.number));
    }
    let (_, rest) = line.value.split_once("command:")?;
    let list = rest.trim_start().strip_prefix('[')?.split(']').next()?;
    let words: Vec<&str> = list.split(',').map(|word| unquoted(word.trim())).collect();
    Some((words.join(" "), line.number))
}
