//! Compose files whose services are built from the Dockerfile.

use super::command::reliance;
use super::{Look, Neighbour, Relied};
use crate::config::glob::clean;
use crate::context::repository::yaml::{self, Line, lines, unquoted};
use crate::context::repository::{is_below, parent};
use crate::context::sources::join;
use crate::model::Stage;
use crate::shell::lies_in;

/// Looks at the services of a compose file.
pub fn compose(look: &Look<'_>, path: &str, out: &mut Vec<Neighbour>) {
    let Some(text) = look.read(path) else { return };
    let lines = lines(&text);
    let Some(services) = lines.iter().position(|l| l.key == "services" && l.indent == 0) else {
        return;
    };
    let mut at = services + 1;
    let Some(indent) = lines.get(at).map(|l| l.indent) else {
        return;
    };
    while let Some(line) = lines.get(at) {
        if line.indent < indent || line.indent == 0 {
            break;
        }
        let end = lines
            .get(at + 1..)
            .unwrap_or_default()
            .iter()
            .position(|l| l.indent <= indent)
            .map_or(lines.len(), |offset| at + 1 + offset);
        let body = lines.get(at + 1..end).unwrap_or_default();
        service(look, path, line.key, body, out);
        at = end;
    }
}

/// The value of a service's key: on the line, or the items below joined to a list.
fn value<'t>(body: &[Line<'t>], key: &str) -> Option<(String, usize)> {
    let top = body.first()?.indent;
    let at = body.iter().position(|l| l.indent == top && l.key == key && !l.item)?;
    let line = body.get(at)?;
    if !line.value.is_empty() && !matches!(line.value, "|" | ">" | ">-" | "|-") {
        return Some((line.value.to_owned(), line.number));
    }
    let below = body
        .get(at + 1..)?
        .iter()
        .take_while(|l| l.indent > top || l.item && l.indent == top);
    let items: Vec<String> = below
        .map(|l| {
            if l.key.is_empty() {
                l.value.to_owned()
            } else {
                format!("{}: {}", l.key, l.value)
            }
        })
        .collect();
    let joined = if line.value.is_empty() {
        format!("[{}]", items.join(", "))
    } else {
        items.join(" ")
    };
    Some((joined, line.number))
}

/// Whether the service runs the image of this Dockerfile: is built from it, or named so; its `target`.
fn built<'l>(look: &'l Look<'_>, path: &str, body: &[Line<'_>]) -> Option<Option<&'l str>> {
    let top = body.first()?.indent;
    let own = |key: &str| body.iter().find(|l| l.indent == top && l.key == key && !l.item);
    if let Some(line) = own("build") {
        let mut builds = look.builds.iter();
        let build = builds.find(|build| build.by == path && build.line == line.number)?;
        return Some(build.target.as_ref().map(|(name, _)| name.as_str()));
    }
    let image = own("image")?;
    look.is_ours(unquoted(image.value)).then_some(None)
}

fn service(look: &Look<'_>, path: &str, name: &str, body: &[Line<'_>], out: &mut Vec<Neighbour>) {
    let Some(target) = built(look, path, body) else { return };
    // Another stage that is not built on this one is another image.
    if let Some(target) = target {
        let file = look.site.file();
        let named = |stage: &&Stage| stage.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(target));
        let other = file.stages.iter().find(named);
        if other.is_some_and(|stage| file.chain(stage).all(|s| s.id != look.site.stage.id)) {
            return;
        }
    }
    for key in ["command", "entrypoint"] {
        let Some((command, line)) = value(body, key) else {
            continue;
        };
        if let Some(breaks) = reliance(look.site, &command) {
            let shown = super::command::words(&command).join(" ");
            out.push(Neighbour {
                says: format!("{path} runs `{shown}` in the image"),
                on: Relied::Command(super::command::words(&command)),
                evidence: look.evidence(path, line, format!("{key} of the service `{name}`")),
                breaks,
            });
        }
    }
    health(look, path, name, body, out);
    volumes(look, path, name, body, out);
}

/// The command that tells whether the service is well.
fn health(look: &Look<'_>, path: &str, name: &str, body: &[Line<'_>], out: &mut Vec<Neighbour>) {
    let Some(at) = body.iter().position(|l| l.key == "healthcheck") else {
        return;
    };
    let below = yaml::below(body, at);
    let Some(test) = below.iter().position(|l| l.key == "test") else {
        return;
    };
    let words = yaml::items(below, test);
    let words = words.iter().map(|(word, _)| *word);
    let words: Vec<&str> = words.filter(|w| !matches!(*w, "CMD" | "CMD-SHELL" | "NONE")).collect();
    let command = words.join(" ");
    let line = below.get(test).map_or(1, |l| l.number);
    if let Some(breaks) = reliance(look.site, &command) {
        out.push(Neighbour {
            says: format!("{path} runs `{command}` in the image"),
            on: Relied::Command(super::command::words(&command)),
            evidence: look.evidence(path, line, format!("health check of the service `{name}`")),
            breaks,
        });
    }
}

/// Folders of the project that are mounted over the application's.
fn volumes(look: &Look<'_>, path: &str, name: &str, body: &[Line<'_>], out: &mut Vec<Neighbour>) {
    let Some(first) = body.first() else { return };
    let Some(at) = body.iter().position(|l| l.indent == first.indent && l.key == "volumes") else {
        return;
    };
    let workdir = look.site.workdir().unwrap_or_default();
    let above = parent(path).unwrap_or_default();
    let mut mounts: Vec<(&str, &str, usize)> = Vec::new();
    for (mount, number) in yaml::items(body, at) {
        if let Some((source, target)) = mount.split_once(':') {
            mounts.push((source, target.split(':').next().unwrap_or_default(), number));
        }
    }
    // The long form, a key a line.
    let mut source = None;
    for line in yaml::below(body, at) {
        match line.key {
            "source" => source = Some(unquoted(line.value)),
            "target" => mounts.extend(source.take().map(|source| (source, unquoted(line.value), line.number))),
            _ => {}
        }
    }
    for (source, target, number) in mounts {
        let target = target.trim_end_matches('/');
        let here = ["${PWD}", "$PWD"];
        let source = here
            .iter()
            .find_map(|word| source.strip_prefix(word))
            .map_or(source, |rest| match rest {
                "" => ".",
                rest => rest.trim_start_matches('/'),
            });
        // A name without a path is a volume's.
        if !source.starts_with('.') || target.is_empty() || !lies_in(&workdir, target) {
            continue;
        }
        let mounted = clean(&join(above, source));
        let mounted = if mounted == "." { "" } else { &mounted };
        if is_below(&look.folder, mounted) {
            out.push(Neighbour {
                says: format!("{path} mounts the project over `{target}`"),
                on: Relied::Folder(target.to_owned()),
                evidence: look.evidence(path, number, format!("a volume of the service `{name}`")),
                breaks: false,
            });
        }
    }
}
