//! What a command that others run in the image needs of it.

use crate::model::{Form, Kind};
use crate::plan::site::Site;

/// Whether a rewrite breaks a command that is run in the image: for certain, maybe, or not (none).
pub fn reliance(site: &Site<'_>, command: &str) -> Option<bool> {
    let words = words(command);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let shell = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word));
    let words = strip(&words);
    let first = words.first()?;
    if !takes_commands(site) {
        return None;
    }
    let program = first.rsplit('/').next().unwrap_or(first);
    // A small image may have no shell but `sh`, and the smallest none.
    let bare = matches!(site.options.runtime, crate::plan::RuntimeChoice::Smallest) && shell == "sh";
    if (bare || matches!(shell, "bash" | "zsh" | "ksh")) && !is_development(program, words.get(1..).unwrap_or_default())
    {
        return Some(false);
    }
    if started(site).iter().any(|text| same(text, &words)) {
        return None;
    }
    if is_development(program, words.get(1..).unwrap_or_default()) {
        return Some(true);
    }
    // The same program with other arguments is there.
    if started(site)
        .iter()
        .any(|text| text.first().is_some_and(|own| own == first))
    {
        return None;
    }
    Some(false)
}

/// Whether words behind `docker run IMAGE` are a command: not where ENTRYPOINT is a program that takes
/// them as its arguments.
fn takes_commands(site: &Site<'_>) -> bool {
    let entrypoint = site
        .instructions()
        .filter_map(|i| match &i.kind {
            Kind::Entrypoint(Form::Exec(words)) => Some(words),
            _ => None,
        })
        .last();
    let Some(first) = entrypoint.and_then(|words| words.first()) else {
        return true;
    };
    let name = first.value.rsplit('/').next().unwrap_or(&first.value);
    // Scripts and launchers run what they are given.
    name.contains('.')
        || name.contains("entrypoint")
        || matches!(
            name,
            "tini" | "dumb-init" | "gosu" | "su-exec" | "sh" | "bash" | "env" | "exec" | "docker-init"
        )
        || !name.contains('-') && first.value.contains('/')
}

/// Words that run another command.
pub fn strip<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let mut rest: Vec<&str> = words.to_vec();
    loop {
        let Some(first) = rest.first().copied() else {
            return rest;
        };
        let second = rest.get(1).copied().unwrap_or_default();
        if matches!(first, "exec" | "env" | "sudo" | "tini" | "dumb-init" | "--") || first.contains('=') {
            rest.remove(0);
        } else if matches!(
            (first, second),
            (
                "sh" | "bash" | "/bin/sh" | "/bin/bash" | "ash",
                "-c" | "-lc" | "-ec" | "-exc"
            ) | ("bundle" | "poetry" | "pipenv" | "uv", "exec" | "run")
        ) {
            rest.drain(..2);
        } else {
            return rest;
        }
    }
}

/// Whether a command is one of building, testing or developing.
fn is_development(program: &str, rest: &[&str]) -> bool {
    const TOOLS: [&str; 38] = [
        "pytest",
        "tox",
        "nox",
        "nodemon",
        "ts-node-dev",
        "jest",
        "mocha",
        "vitest",
        "ava",
        "karma",
        "cypress",
        "rspec",
        "phpunit",
        "cargo",
        "go",
        "make",
        "cmake",
        "ctest",
        "mvn",
        "mvnw",
        "gradle",
        "gradlew",
        "sbt",
        "ant",
        "tsc",
        "webpack",
        "webpack-dev-server",
        "air",
        "reflex",
        "watchexec",
        "eslint",
        "flake8",
        "mypy",
        "black",
        "ruff",
        "rubocop",
        "composer",
        "mix",
    ];
    if TOOLS.contains(&program) {
        return true;
    }
    let mut rest = rest.iter().copied().filter(|word| !word.starts_with('-'));
    match program {
        "npm" | "yarn" | "pnpm" | "bun" => {
            let first = rest.next().unwrap_or_default();
            let script = if matches!(first, "run" | "run-script") {
                rest.next().unwrap_or_default()
            } else {
                first
            };
            [
                "test", "dev", "watch", "lint", "build", "develop", "debug", "coverage", "install", "ci", "tdd", "e2e",
            ]
            .iter()
            .any(|word| script == *word || script.split([':', '-']).any(|part| part == *word))
        }
        "npx" => rest.next().is_some_and(|tool| TOOLS.contains(&tool)),
        "python" | "python3" => {
            let first = rest.next().unwrap_or_default();
            TOOLS.contains(&first) || matches!(first, "unittest") || first.ends_with("setup.py")
        }
        "rails" | "rake" => matches!(rest.next(), Some("test" | "spec")),
        "dotnet" => matches!(rest.next(), Some("test" | "watch" | "build" | "run")),
        _ => false,
    }
}

/// Whether a command names what the image starts.
pub fn mentions(site: &Site<'_>, command: &str) -> bool {
    let words = words(command);
    started(site)
        .iter()
        .any(|own| own.iter().any(|word| word.contains(['/', '.']) && words.contains(word)))
}

/// What the image starts: the words of ENTRYPOINT and CMD.
fn started(site: &Site<'_>) -> Vec<Vec<String>> {
    site.instructions()
        .filter_map(|i| match &i.kind {
            Kind::Cmd(form) | Kind::Entrypoint(form) => Some(match form {
                Form::Exec(list) => list.iter().map(|w| w.value.clone()).collect(),
                Form::Shell(word) => words(&word.value),
            }),
            _ => None,
        })
        .collect()
}

fn same(own: &[String], words: &[&str]) -> bool {
    own.iter().map(String::as_str).eq(words.iter().copied())
}

/// A command's words, from a line of text or a list in YAML's or JSON's form.
pub fn words(command: &str) -> Vec<String> {
    let text = command.trim();
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    if let Some(inner) = inner {
        return inner
            .split(',')
            .map(|word| word.trim().trim_matches(['"', '\'']).to_owned())
            .flat_map(|word| split(&word))
            .collect();
    }
    split(text.trim_matches(['"', '\'']))
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}
