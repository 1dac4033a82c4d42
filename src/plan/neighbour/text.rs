//! Makefiles, scripts, CI and README: commands that build, name or use the image.

use super::command::reliance;
use super::{Look, Neighbour, Relied};
use std::collections::BTreeSet;

/// Whether a file at the root may hold commands, by its name in lower case.
pub fn is_command_file(lower: &str) -> bool {
    matches!(
        lower,
        "makefile"
            | "justfile"
            | "taskfile.yml"
            | "jenkinsfile"
            | "fly.toml"
            | "heroku.yml"
            | "package.json"
            | "cloudbuild.yaml"
            | "cloudbuild.yml"
            | ".travis.yml"
            | ".gitlab-ci.yml"
            | ".drone.yml"
            | "azure-pipelines.yml"
            | "bitbucket-pipelines.yml"
            | "buildspec.yml"
            | "skaffold.yaml"
            | "render.yaml"
            | "readme"
            | "readme.md"
            | "readme.rst"
            | "readme.txt"
    ) || lower.ends_with(".sh")
        || lower.ends_with(".mk")
}

/// Looks for commands that build a named stage, or run something in the image.
pub fn commands(look: &Look<'_>, path: &str, out: &mut Vec<Neighbour>) {
    let Some(text) = look.read(path) else { return };
    let names = image_names(look);
    let mut fly_processes = false;
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let trimmed = line.trim();
        if let Some(own) = look.site.stage.name.as_deref()
            && target_of(trimmed).is_some_and(|target| target.eq_ignore_ascii_case(own))
        {
            out.push(Neighbour {
                says: format!("{path} builds the stage `{own}` by its name"),
                on: Relied::Other,
                evidence: look.evidence(path, number, trimmed),
                breaks: true,
            });
        }
        if let Some(command) = run_in(trimmed, &names) {
            note(look, path, number, &command, out);
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

/// The stage that `docker build --target`, or a build action's `target:`, names.
fn target_of(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("target:") {
        return Some(rest.trim().trim_matches(['"', '\''])).filter(|t| !t.is_empty() && !t.contains(' '));
    }
    if !line.contains("build") {
        return None;
    }
    let rest = line.split_once("--target")?.1.trim_start_matches(['=', ' ']);
    rest.split_whitespace().next()
}

/// The command that `docker run IMAGE ...` or `docker exec` runs, where the image is this one's.
fn run_in(line: &str, names: &BTreeSet<String>) -> Option<String> {
    let line = line.trim_end_matches('`').trim_matches('"');
    let rest = ["docker run ", "podman run "]
        .iter()
        .find_map(|p| line.split_once(p).map(|(_, r)| r))?;
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
    let bare = image.rsplit_once(':').map_or(image, |(name, _)| name);
    if !names.contains(bare) {
        return None;
    }
    let command: Vec<&str> = words
        .take_while(|w| !matches!(*w, "&&" | "||" | ";" | "|" | "\\" | ">"))
        .collect();
    (!command.is_empty()).then(|| command.join(" ").trim_matches(['`', '\'', '"']).to_owned())
}

/// The names that the repository gives the image: `docker build -t NAME`, and compose's `image`.
pub fn image_names(look: &Look<'_>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut paths: Vec<String> = Vec::new();
    for folder in ["", ".github/workflows"] {
        for (name, _) in look.context.tree().list(folder).into_iter().take(200) {
            let lower = name.to_ascii_lowercase();
            if is_command_file(&lower) || lower.ends_with(".yml") || lower.ends_with(".yaml") {
                paths.push(if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                });
            }
        }
    }
    for path in paths {
        let Some(text) = look.read(&path) else { continue };
        for line in text.lines().filter(|l| l.contains("build")) {
            let mut words = line.split_whitespace().map(|w| w.trim_matches(['"', '\'', '`']));
            while let Some(word) = words.next() {
                let name = match word {
                    "-t" | "--tag" => words.next(),
                    _ => word.strip_prefix("--tag=").or_else(|| word.strip_prefix("-t=")),
                };
                let Some(name) = name else { continue };
                let bare = name
                    .rsplit_once(':')
                    .map_or(name, |(bare, tag)| if tag.contains('/') { name } else { bare });
                if !bare.is_empty() && !bare.starts_with('-') {
                    out.insert(bare.to_owned());
                }
            }
        }
    }
    out
}
