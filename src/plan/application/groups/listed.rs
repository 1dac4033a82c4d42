//! What manifests list for development alone.

use super::{Found, unique};
use crate::context::manifests::toml::{self, Table, Value};
use crate::context::{Context, sources};
use crate::plan::application::python::requirement;
use crate::plan::reach::normalized;
use crate::shell::{Manager, lies_in};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What the manifest in a folder of the context lists for development alone; none where it is not
/// there, or chooses its groups in a way that is not known here.
pub(super) fn development(context: &Context, manager: Manager, folder: &str) -> Option<Found> {
    let inside = |name: &str| sources::join(folder, name);
    let manifest = inside(manifest(manager));
    let text = context.read_text(&manifest)?;
    let mut found = Found {
        manifest,
        ..Found::default()
    };
    match manager {
        Manager::Bundle => {
            found.of = gemfile(&text)?;
            found.names = found.of.keys().cloned().collect();
            found.groups = unique(found.of.values().flatten().cloned());
        }
        Manager::Composer => {
            let lock = context.read_text(&inside("composer.lock"))?;
            (found.names, found.words) = composer(&text, &lock)?;
            found.folders = folders(&lock).iter().map(|path| inside(path)).collect();
        }
        _ => found.names = python(manager, &toml::tables(&text))?,
    }
    Some(found)
}

/// The name of a manager's manifest.
pub(super) fn manifest(manager: Manager) -> &'static str {
    match manager {
        Manager::Bundle => "Gemfile",
        Manager::Composer => "composer.json",
        Manager::Pipenv => "Pipfile",
        _ => "pyproject.toml",
    }
}

/// Groups that hold what development and tests use.
const GROUPS: &[&str] = &["development", "test"];

/// The gems that only groups of [`GROUPS`] hold, with these. None where gems are listed by code.
fn gemfile(text: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let mut open: Vec<Vec<String>> = Vec::new();
    let mut only: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut others: BTreeSet<String> = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.split(" #").next().unwrap_or(line).trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with("eval_gemfile") || line.starts_with("gemspec") {
            return None;
        }
        if let Some(rest) = line.strip_prefix("group ").or_else(|| line.strip_prefix("group(")) {
            let mut names = symbols(rest);
            // It is not installed unless it is asked for.
            if rest.contains("optional: true") || rest.contains(":optional => true") {
                names.push("optional".to_owned());
            }
            open.push(names);
        } else if line.ends_with(" do") || line.ends_with('|') && line.contains(" do ") {
            open.push(Vec::new());
        } else if ["if ", "unless ", "case ", "begin"]
            .iter()
            .any(|word| line.starts_with(word))
        {
            // A condition closes by an `end`, too.
            open.push(Vec::new());
        } else if line == "end" {
            open.pop();
        } else if let Some(rest) = line.strip_prefix("gem").filter(|rest| rest.starts_with([' ', '('])) {
            let rest = rest.trim_start_matches([' ', '(']);
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let name = rest.get(1..)?.split(quote).next()?.to_owned();
            let mut of: Vec<String> = open.iter().flatten().cloned().collect();
            let inline = ["group:", "groups:", ":group =>", ":groups =>"]
                .iter()
                .find_map(|key| rest.split_once(key));
            if let Some((_, list)) = inline {
                let list = list.trim_start();
                let list = match list.strip_prefix('[') {
                    Some(list) => list.split(']').next().unwrap_or(list),
                    None => list.split(',').next().unwrap_or(list),
                };
                of.extend(symbols(list));
            }
            if !of.is_empty() && of.iter().all(|group| GROUPS.contains(&group.as_str())) {
                only.entry(name).or_default().extend(of);
            } else {
                others.insert(name);
            }
        }
    }
    only.retain(|name, _| !others.contains(name));
    Some(only)
}

/// Symbols and strings of a list: `:development, :test do`.
fn symbols(text: &str) -> Vec<String> {
    text.split([',', ' ', '(', ')', '[', ']'])
        .filter_map(|word| {
            let word = word.trim();
            let name = word.strip_prefix(':').or_else(|| {
                let quoted = word.strip_prefix(['"', '\''])?;
                quoted.strip_suffix(['"', '\''])
            })?;
            (!name.is_empty()).then(|| name.trim_matches(['"', '\'']).to_owned())
        })
        .collect()
}

/// Whether a lock beside a Gemfile has a gem.
pub(super) fn locks(context: &Context, manifest: &str, name: &str) -> bool {
    let lock = context.read_text(&format!("{manifest}.lock")).unwrap_or_default();
    let line = format!("    {name} (");
    lock.lines().any(|l| l.starts_with(&line))
}

/// Packages of `require-dev`, and the beginnings of the names that their code has.
fn composer(text: &str, lock: &str) -> Option<(Vec<String>, Vec<String>)> {
    let json: Json = serde_json::from_str(text).ok()?;
    let lock: Json = serde_json::from_str(lock).ok()?;
    let names = |list: &str| -> BTreeSet<String> {
        let list = json.get(list).and_then(Json::as_object);
        let keys = list.into_iter().flat_map(|l| l.keys());
        keys.filter(|name| name.contains('/')).cloned().collect()
    };
    let only: Vec<String> = names("require-dev").difference(&names("require")).cloned().collect();
    // A vendor's name may be that of packages that stay, too.
    let stays: BTreeSet<String> = packages(&lock, "packages")?
        .flat_map(vocabulary)
        .map(|word| word.split('\\').next().unwrap_or_default().to_owned())
        .collect();
    let mut words = Vec::new();
    for package in packages(&lock, "packages-dev")? {
        let mut own = vocabulary(package);
        own.retain(|word| word.len() > 2 && !stays.contains(word));
        // Nothing tells its names.
        if own.is_empty() {
            return None;
        }
        words.extend(own);
    }
    Some((only, unique(words)))
}

/// Folders of the context that packages of `require-dev` are taken from.
fn folders(lock: &str) -> Vec<String> {
    let lock: Json = serde_json::from_str(lock).unwrap_or_default();
    let paths = packages(&lock, "packages-dev")
        .into_iter()
        .flatten()
        .filter_map(|package| {
            let dist = package.get("dist")?;
            let local = dist.get("type").and_then(Json::as_str) == Some("path");
            dist.get("url").and_then(Json::as_str).filter(|_| local)
        });
    paths.map(|path| path.trim_end_matches('/').to_owned()).collect()
}

fn packages<'l>(lock: &'l Json, list: &str) -> Option<impl Iterator<Item = &'l Json> + use<'l>> {
    Some(lock.get(list)?.as_array()?.iter())
}

/// What names of a package's code may begin with, in lower case.
fn vocabulary(package: &Json) -> Vec<String> {
    let name = package.get("name").and_then(Json::as_str).unwrap_or_default();
    let parts = name.split('/').map(|word| word.replace(['-', '_'], "").to_lowercase());
    let mut words: Vec<String> = parts.collect();
    for kind in ["psr-4", "psr-0"] {
        let list = package
            .get("autoload")
            .and_then(|a| a.get(kind))
            .and_then(Json::as_object);
        let keys = list.into_iter().flat_map(|l| l.keys());
        words.extend(keys.map(|key| key.trim_end_matches('\\').to_lowercase()));
    }
    words
}

/// How many sources of PHP are looked at.
const MAX_SOURCES: usize = 4_000;

/// Whether a source of PHP, tests excepted, uses a name that begins with one of the words. An
/// application's own namespace is not among them, or nothing is known.
pub(super) fn names(context: &Context, found: &Found) -> bool {
    let aside = |path: &str| {
        found.folders.iter().any(|folder| lies_in(path, folder))
            || path.split('/').any(|part| {
                matches!(
                    part,
                    "vendor" | "tests" | "test" | "Tests" | "factories" | "seeders" | "node_modules"
                )
            })
    };
    let walk = context.walk();
    let mut sources = walk
        .files
        .iter()
        .filter(|f| f.path.ends_with(".php") && !aside(&f.path));
    let uses = |text: &str| {
        let text = text.to_lowercase();
        found.words.iter().any(|word| {
            text.match_indices(word.as_str()).any(|(at, _)| {
                let before = text.get(..at).and_then(|t| t.chars().next_back());
                let behind = text.get(at + word.len()..).unwrap_or_default();
                let begins = before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '\\' | '$')));
                let begins = begins
                    || before == Some('\\') && {
                        let above = text.get(..at - 1).and_then(|t| t.chars().next_back());
                        above.is_none_or(|c| !c.is_alphanumeric())
                    };
                begins && behind.starts_with('\\')
            })
        })
    };
    walk.capped
        || walk.files.len() > MAX_SOURCES * 4
        || sources.any(|file| context.text(&file.path).is_none_or(|text| uses(&text)))
}

/// Packages of the groups that poetry, uv or pipenv leave out where they are told to.
fn python(manager: Manager, tables: &[Table]) -> Option<Vec<String>> {
    let table = |name: &str| tables.iter().find(|t| t.name == name);
    let keys = |name: &str| -> Vec<String> {
        let entries = table(name).into_iter().flat_map(|t| &t.entries);
        entries
            .map(|(key, _)| normalized(key.split('.').next().unwrap_or(key)))
            .collect()
    };
    let texts = |value: Option<&Value>| -> Vec<String> {
        let list = value.map(Value::as_list).unwrap_or_default();
        list.iter()
            .filter_map(|text| requirement(text))
            .map(normalized)
            .collect()
    };
    let mut main = texts(table("project").and_then(|t| t.get("dependencies")));
    let mut development: Vec<String> = Vec::new();
    match manager {
        Manager::Poetry => {
            main.extend(keys("tool.poetry.dependencies"));
            development.extend(keys("tool.poetry.dev-dependencies"));
            for group in tables {
                let name = group.name.strip_prefix("tool.poetry.group.");
                let Some(name) = name.and_then(|n| n.strip_suffix(".dependencies")) else {
                    continue;
                };
                // An optional one is not installed unless it is asked for.
                let settings = table(&format!("tool.poetry.group.{name}"));
                if settings.is_some_and(|t| t.get("optional").is_some()) {
                    continue;
                }
                development.extend(keys(&group.name));
            }
        }
        Manager::Uv => {
            if table("tool.uv").is_some_and(|t| t.get("default-groups").is_some()) {
                return None;
            }
            development.extend(texts(table("dependency-groups").and_then(|t| t.get("dev"))));
            development.extend(texts(table("tool.uv").and_then(|t| t.get("dev-dependencies"))));
        }
        _ => {
            main.extend(keys("packages"));
            development.extend(keys("dev-packages"));
        }
    }
    development.retain(|name| !main.contains(name));
    Some(unique(development))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_a_gemfile() {
        let text = "source 'https://rubygems.org'\nruby '3.3.0'\n\ngem 'rails', '~> 7.1' # the frame\n\
            group :development, :test do\n  gem 'rspec-rails'\n  platforms :mri do\n    gem \"debug\", '1'\n  end\nend\n\
            gem 'web-console', group: :development\ngem 'spring', groups: [:development, :staging]\n\
            group :production do\n  gem 'lograge'\nend\ngem 'pg'\n\
            group :development, optional: true do\n  gem 'rack-test'\nend\n";
        let found: Vec<String> = gemfile(text)
            .unwrap_or_default()
            .iter()
            .map(|(name, groups)| format!("{name} {}", groups.join(",")))
            .collect();
        assert_eq!(
            found,
            [
                "debug development,test",
                "rspec-rails development,test",
                "web-console development"
            ]
        );
        assert!(gemfile("gem 'a'\ngemspec\n").is_none());
    }

    #[test]
    fn groups_of_python() {
        let poetry = "[tool.poetry.dependencies]\npython = \"^3.11\"\nflask = \"3\"\n[tool.poetry.group.dev.dependencies]\n\
            pytest = \"8\"\nFlask = \"3\"\n[tool.poetry.group.docs]\noptional = true\n[tool.poetry.group.docs.dependencies]\nsphinx = \"7\"\n";
        assert_eq!(
            python(Manager::Poetry, &toml::tables(poetry)),
            Some(vec!["pytest".to_owned()])
        );
        let uv = "[project]\ndependencies = [\"starlette==0.38\"]\n[dependency-groups]\ndev = [\"pytest>=8\", \"ruff\"]\nlint = [\"mypy\"]\n";
        assert_eq!(
            python(Manager::Uv, &toml::tables(uv)),
            Some(vec!["pytest".to_owned(), "ruff".to_owned()])
        );
        assert_eq!(
            python(Manager::Uv, &toml::tables("[tool.uv]\ndefault-groups = [\"x\"]\n")),
            None
        );
        let pipenv = "[packages]\nflask = \"*\"\n[dev-packages]\npytest = \"*\"\n";
        assert_eq!(
            python(Manager::Pipenv, &toml::tables(pipenv)),
            Some(vec!["pytest".to_owned()])
        );
    }

    #[test]
    fn packages_of_composer() {
        let json = r#"{"require": {"php": "^8.2", "slim/slim": "^4"}, "require-dev": {"phpunit/phpunit": "^10", "fakerphp/faker": "^1"}}"#;
        let lock = r#"{"packages": [], "packages-dev": [{"name": "fakerphp/faker", "autoload": {"psr-4": {"Faker\\": "src"}}},
            {"name": "phpunit/phpunit", "autoload": {"classmap": ["src"]}}]}"#;
        let (names, words) = composer(json, lock).unwrap_or_default();
        assert_eq!(names, ["fakerphp/faker", "phpunit/phpunit"]);
        assert_eq!(words, ["faker", "fakerphp", "phpunit"]);
        let json = r#"{"require": {"acme/log": "^1"}, "require-dev": {"acme/fake": "^1"}}"#;
        let lock = r#"{"packages": [{"name": "acme/log", "autoload": {"psr-4": {"Acme\\Log\\": "src"}}}],
            "packages-dev": [{"name": "acme/fake", "autoload": {"psr-4": {"Acme\\Fake\\": "src"}}}]}"#;
        let (_, words) = composer(json, lock).unwrap_or_default();
        assert_eq!(words, ["acme\\fake", "fake"]);
    }
}
