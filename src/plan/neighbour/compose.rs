//! Compose files whose services are built from the Dockerfile.

use super::command::reliance;
use super::{Look, Neighbour, Relied};
use crate::model::Stage;
use crate::shell::lies_in;

/// A line of YAML that is a key, or an item of a list.
struct Line<'t> {
    number: usize,
    indent: usize,
    key: &'t str,
    value: &'t str,
    item: bool,
}

/// The lines of a file, without comments and blank ones.
fn lines(text: &str) -> Vec<Line<'_>> {
    text.lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let trimmed = line.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                return None;
            }
            let indent = line.len() - trimmed.len();
            let (item, body) = match trimmed.strip_prefix("- ") {
                Some(body) => (true, body.trim()),
                None => (false, trimmed.trim_end()),
            };
            let (key, value) = match body.split_once(':') {
                Some((key, value)) if value.is_empty() || value.starts_with(' ') => (key.trim(), value.trim()),
                _ => ("", body),
            };
            Some(Line {
                number: at + 1,
                indent,
                key,
                value: value.split(" #").next().unwrap_or_default().trim(),
                item,
            })
        })
        .collect()
}

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

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// Whether the service is built from this Dockerfile; its `target`.
fn built<'t>(look: &Look<'_>, body: &[Line<'t>]) -> Option<Option<(&'t str, usize)>> {
    let top = body.first()?.indent;
    let at = body.iter().position(|l| l.indent == top && l.key == "build")?;
    let line = body.get(at)?;
    let own = look.name.rsplit('/').next().unwrap_or(&look.name);
    let plain = |file: &str| unquoted(file).rsplit('/').next() == Some(own);
    if !line.value.is_empty() {
        let folder = unquoted(line.value).trim_end_matches('/');
        let here = matches!(folder, "." | "./" | "");
        return (here && own.eq_ignore_ascii_case("dockerfile")).then_some(None);
    }
    let below: Vec<&Line<'t>> = body.get(at + 1..)?.iter().take_while(|l| l.indent > top).collect();
    let get = |key: &str| {
        below
            .iter()
            .find(|l| l.key == key)
            .map(|l| (unquoted(l.value), l.number))
    };
    let context = get("context").map_or(".", |(value, _)| value);
    if !matches!(context.trim_end_matches('/'), "." | "") {
        return None;
    }
    let named = match get("dockerfile") {
        Some((file, _)) => plain(file),
        None => own.eq_ignore_ascii_case("dockerfile"),
    };
    named.then(|| get("target"))
}

fn service(look: &Look<'_>, path: &str, name: &str, body: &[Line<'_>], out: &mut Vec<Neighbour>) {
    let Some(target) = built(look, body) else { return };
    if let (Some((target, line)), Some(own)) = (target, look.site.stage.name.as_deref())
        && target.eq_ignore_ascii_case(own)
    {
        out.push(Neighbour {
            says: format!("{path} builds the stage `{own}` by its name"),
            on: Relied::Other,
            evidence: look.evidence(path, line, format!("target: {target}")),
            breaks: true,
        });
    }
    // Another stage that is not built on this one is another image.
    if let Some((target, _)) = target {
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
    volumes(look, path, name, body, out);
}

/// Folders of the project that are mounted over the application's.
fn volumes(look: &Look<'_>, path: &str, name: &str, body: &[Line<'_>], out: &mut Vec<Neighbour>) {
    let Some(first) = body.first() else { return };
    let Some(at) = body.iter().position(|l| l.indent == first.indent && l.key == "volumes") else {
        return;
    };
    let workdir = look.site.workdir().unwrap_or_default();
    for line in body.get(at + 1..).unwrap_or_default() {
        if line.indent < first.indent || line.indent == first.indent && !line.item {
            break;
        }
        let Some((source, target)) = unquoted(line.value).split_once(':') else {
            continue;
        };
        let target = target.split(':').next().unwrap_or_default().trim_end_matches('/');
        let project = source == "." || source == "./" || source.starts_with("./") || source.starts_with("${PWD}");
        let whole = matches!(source.trim_end_matches('/'), "." | "${PWD}" | "$PWD");
        if project && whole && !target.is_empty() && lies_in(&workdir, target) {
            out.push(Neighbour {
                says: format!("{path} mounts the project over `{target}`"),
                on: Relied::Folder(target.to_owned()),
                evidence: look.evidence(path, line.number, format!("a volume of the service `{name}`")),
                breaks: false,
            });
        }
    }
}
