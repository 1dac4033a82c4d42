//! What a build context holds that no image needs, as patterns for an ignore file.
//!
//! A pattern is given only where every Dockerfile of the context that copies the whole of it can do
//! without: what it makes itself (its dependencies, its results), what tools leave behind, the
//! history, private files. What a Dockerfile names stays.

mod builds;
mod history;

use super::{Facts, private};
use crate::context::{Context, Ignore};
use builds::{Builds, Maker};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why an image does not need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Version control's data, and files that only its hosts and editors read.
    History,
    /// The build makes it itself: dependencies and results.
    Made,
    /// Tools left it behind.
    Cache,
    /// It is private.
    Private,
    /// It says how the image is built.
    Recipe,
}

/// A pattern, and what it keeps out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unneeded {
    /// As an ignore file has it.
    pub pattern: String,
    /// Why.
    pub reason: Reason,
    /// Bytes that are there now; none where it is not there yet.
    pub bytes: Option<u64>,
}

/// A folder that no image needs, by its name.
struct Row {
    name: &'static str,
    reason: Reason,
    /// Who makes it in the build; without it, the folder is kept where any Dockerfile names it.
    maker: Option<Maker>,
    /// One of these stands beside it (`*.x` by its ending); empty: whatever is there.
    beside: &'static [&'static str],
    /// One of these lies in it; empty: whatever it holds.
    holds: &'static [&'static str],
    /// The name is that of sources too: only where `.gitignore` says that it is made.
    ignored_by_git: bool,
    /// What stands beside it shows that it comes, even where it is not there yet.
    is_sure: bool,
    /// No folder of sources is called so, wherever it lies.
    anywhere: bool,
}

const fn row(name: &'static str, reason: Reason) -> Row {
    Row {
        name,
        reason,
        maker: None,
        beside: &[],
        holds: &[],
        ignored_by_git: false,
        is_sure: false,
        anywhere: true,
    }
}

const fn made(name: &'static str, maker: Maker, beside: &'static [&'static str]) -> Row {
    Row {
        maker: Some(maker),
        beside,
        anywhere: false,
        ..row(name, Reason::Made)
    }
}

const fn sure(row: Row) -> Row {
    Row { is_sure: true, ..row }
}

const NODE: &[&str] = &["package.json"];

/// The first row that holds counts.
const ROWS: &[Row] = &[
    row(".git", Reason::History),
    row(".hg", Reason::History),
    row(".svn", Reason::History),
    row(".github", Reason::History),
    row(".idea", Reason::History),
    row(".vscode", Reason::History),
    Row {
        anywhere: true,
        is_sure: true,
        ..made("node_modules", Maker::NodePackages, NODE)
    },
    Row {
        anywhere: true,
        ..made("bower_components", Maker::NodePackages, &["bower.json"])
    },
    made(".next", Maker::NodeBuild, NODE),
    made(".nuxt", Maker::NodeBuild, NODE),
    made(".turbo", Maker::NodeBuild, NODE),
    Row {
        ignored_by_git: true,
        ..made("dist", Maker::NodeBuild, NODE)
    },
    Row {
        ignored_by_git: true,
        ..made("build", Maker::NodeBuild, NODE)
    },
    Row {
        ignored_by_git: true,
        ..made("out", Maker::NodeBuild, NODE)
    },
    sure(made("target", Maker::Cargo, &["Cargo.toml"])),
    sure(made("target", Maker::Maven, &["pom.xml"])),
    sure(made("target", Maker::Sbt, &["build.sbt"])),
    sure(made("build", Maker::Gradle, &["build.gradle", "build.gradle.kts"])),
    made("bin", Maker::Dotnet, &["*.csproj", "*.fsproj", "*.vbproj"]),
    made("obj", Maker::Dotnet, &["*.csproj", "*.fsproj", "*.vbproj"]),
    sure(made("vendor", Maker::Composer, &["composer.json"])),
    sure(made("_build", Maker::Mix, &["mix.exs"])),
    sure(made("deps", Maker::Mix, &["mix.exs"])),
    made(".stack-work", Maker::Haskell, &[]),
    made("dist-newstyle", Maker::Haskell, &[]),
    Row {
        holds: &["pyvenv.cfg"],
        ..made(".venv", Maker::PythonPackages, &[])
    },
    Row {
        holds: &["pyvenv.cfg"],
        ..made("venv", Maker::PythonPackages, &[])
    },
    row("__pycache__", Reason::Cache),
    row(".pytest_cache", Reason::Cache),
    row(".mypy_cache", Reason::Cache),
    row(".ruff_cache", Reason::Cache),
    row(".tox", Reason::Cache),
    row(".nox", Reason::Cache),
    row(".gradle", Reason::Cache),
    row(".terraform", Reason::Cache),
    row(".cache", Reason::Cache),
    row(".nyc_output", Reason::Cache),
    Row {
        holds: &["lcov.info", "lcov-report", "coverage-final.json", "clover.xml"],
        anywhere: false,
        ..row("coverage", Reason::Cache)
    },
];

/// Names in the context's root that only say how the image is built.
fn is_recipe(name: &str) -> bool {
    builds::is_dockerfile(name)
        || ["compose.", "docker-compose."]
            .iter()
            .any(|start| name.starts_with(start))
            && (name.ends_with(".yml") || name.ends_with(".yaml"))
}

/// What speaks for leaving out a file.
enum Match<'c> {
    /// It lies in this folder.
    Folder(&'c str, &'static Row),
    /// Its name is that of private files.
    Private(&'c str),
    Recipe,
}

/// What the image of this file can do without, in the order in which an ignore file lists it. Only
/// what is there or what the manifests in the root show to come; the context is taken as a whole,
/// whatever its ignore file says.
pub fn list(facts: &Facts<'_>, context: &Context) -> Vec<Unneeded> {
    let Some(builds) = Builds::of(facts, context) else {
        return Vec::new();
    };
    let mut judged: HashMap<&str, Option<usize>> = HashMap::new();
    let mut matches = Vec::new();
    for file in &context.walk().files {
        let path = file.path.as_str();
        let mut folders = path.match_indices('/').map(|(at, _)| at);
        let row = folders.find_map(|end| {
            let folder = path.get(..end)?;
            let row = *judged.entry(folder).or_insert_with(|| judge(context, &builds, folder));
            row.and_then(|row| Some((folder, ROWS.get(row)?)))
        });
        let kind = if let Some((folder, row)) = row {
            Match::Folder(folder, row)
        } else if let Some(name) = private_name(path)
            && !builds.mention(name)
        {
            Match::Private(name)
        } else if !path.contains('/') && is_recipe(path) && !builds.mention(path) {
            Match::Recipe
        } else {
            continue;
        };
        matches.push((path, kind));
    }
    let mut found = Found::default();
    let paths: Vec<&str> = matches.iter().map(|(path, _)| *path).collect();
    for ((path, kind), length) in matches.into_iter().zip(context.lengths(&paths)) {
        match kind {
            Match::Folder(folder, row) => found.folder(folder, row, length),
            Match::Private(name) => found.private(path, name, length),
            Match::Recipe => found.add(path.to_owned(), Reason::Recipe, length),
        }
    }
    for row in ROWS.iter().filter(|row| row.is_sure) {
        if stands_beside(context, "", row.beside) && row.maker.is_some_and(|maker| builds.all_make(maker)) {
            found.expect_soon(row.name);
        }
    }
    found.finish(&builds)
}

/// The row that a folder falls under.
fn judge(context: &Context, builds: &Builds, folder: &str) -> Option<usize> {
    let (parent, name) = folder.rsplit_once('/').unwrap_or(("", folder));
    ROWS.iter().position(|row| {
        let is_free = match row.maker {
            Some(maker) => builds.all_make(maker),
            None if row.name == ".git" => !builds.mention(name) && !history::is_read(context, builds),
            None => !builds.mention(name),
        };
        row.name == name
            && (row.beside.is_empty() || stands_beside(context, parent, row.beside))
            && (row.holds.is_empty()
                || row
                    .holds
                    .iter()
                    .any(|inner| context.exists(&format!("{folder}/{inner}"))))
            && (!row.ignored_by_git || is_ignored_by_git(context, name))
            && is_free
    })
}

fn stands_beside(context: &Context, folder: &str, names: &[&str]) -> bool {
    names.iter().any(|name| match name.strip_prefix('*') {
        Some(ending) => {
            let there = context.tree().list(folder);
            there.iter().any(|(name, _)| name.ends_with(ending))
        }
        None if folder.is_empty() => context.exists(name),
        None => context.exists(&format!("{folder}/{name}")),
    })
}

/// Whether the root's `.gitignore` has a line for just this name.
fn is_ignored_by_git(context: &Context, name: &str) -> bool {
    let text = context.read_text(".gitignore").unwrap_or_default();
    text.lines().any(|line| line.trim().trim_matches('/') == name)
}

/// The last name of a private file that no program reads where it lies. Key stores and the settings
/// of package managers are read by programs and builds.
fn private_name(path: &str) -> Option<&str> {
    private::kind(path)?;
    let name = path.rsplit('/').next()?;
    let lower = name.to_ascii_lowercase();
    let is_read = private::may_be_settings(path)
        || lower == ".htpasswd"
        || [".pfx", ".p12", ".jks", ".keystore"].iter().any(|e| lower.ends_with(e));
    (!is_read).then_some(name)
}

/// Patterns on their way.
#[derive(Default)]
struct Found {
    /// By pattern.
    patterns: BTreeMap<String, (Reason, Option<u64>)>,
    /// Names that go wherever they lie: whether one lies below the root.
    nested: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, pattern: String, reason: Reason, bytes: u64) {
        let entry = self.patterns.entry(pattern).or_insert((reason, None));
        entry.1 = Some(entry.1.unwrap_or_default().saturating_add(bytes));
    }

    fn folder(&mut self, folder: &str, row: &Row, bytes: u64) {
        if !row.anywhere {
            self.add(folder.to_owned(), row.reason, bytes);
            return;
        }
        if folder != row.name {
            self.nested.insert(row.name.to_owned());
        }
        self.add(row.name.to_owned(), row.reason, bytes);
    }

    fn private(&mut self, path: &str, name: &str, bytes: u64) {
        if path != name {
            self.nested.insert(name.to_owned());
        }
        self.add(name.to_owned(), Reason::Private, bytes);
    }

    fn expect_soon(&mut self, name: &str) {
        self.patterns.entry(name.to_owned()).or_insert((Reason::Made, None));
    }

    fn finish(self, builds: &Builds) -> Vec<Unneeded> {
        let nested = self.nested;
        let mut all: Vec<Unneeded> = self
            .patterns
            .into_iter()
            .map(|(name, (reason, bytes))| Unneeded {
                pattern: if nested.contains(&name) {
                    format!("**/{name}")
                } else {
                    name
                },
                reason,
                bytes,
            })
            .filter(|found| !found.pattern.starts_with(['!', '#']) && !found.pattern.contains(['[', '?', '\\']))
            .filter(|found| {
                let ignore = Ignore::parse(&found.pattern);
                !builds.named().any(|path| ignore.matches(path))
            })
            .collect();
        all.sort_by(|a, b| a.reason.cmp(&b.reason).then_with(|| a.pattern.cmp(&b.pattern)));
        all
    }
}

#[cfg(test)]
mod tests;
