//! What of a build context no run time reads.

use crate::config::glob::Glob;
use crate::context::{Context, manifests};
use crate::knowledge::ecosystem::Ecosystem;

/// Folders of tools and documents, at any depth.
const FOLDERS: &[&str] = &[
    ".git",
    ".github",
    ".gitlab",
    ".circleci",
    ".vscode",
    ".idea",
    ".devcontainer",
    ".husky",
    ".vs",
    "docs",
    "doc",
    "node_modules",
    "__pycache__",
    "__tests__",
    "testdata",
    ".settings",
    "screenshots",
];

/// Names of files, in lower case, at any depth.
const FILES: &[&str] = &[
    ".dockerignore",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    ".gitmodules",
    ".gitlab-ci.yml",
    ".travis.yml",
    ".appveyor.yml",
    "appveyor.yml",
    ".pre-commit-config.yaml",
    "jenkinsfile",
    "azure-pipelines.yml",
    "codecov.yml",
    ".codecov.yml",
    "renovate.json",
    ".drone.yml",
    ".env.example",
    ".env.sample",
    "makefile",
    "gnumakefile",
    "justfile",
    "taskfile.yml",
    "vagrantfile",
    "authors",
    "contributors",
    "copying",
    "license",
    "licence",
    "notice",
    "changelog",
    "readme",
    "skaffold.yaml",
    "cloudbuild.yaml",
    "fly.toml",
    "heroku.yml",
    "procfile",
    "app.json",
    ".hadolint.yaml",
    "mbopt.yaml",
    "codeowners",
    ".ds_store",
    ".mailmap",
    ".clang-format",
    ".nvmrc",
    ".tool-versions",
    ".dockerignore.bak",
    "sonar-project.properties",
    "shell.nix",
    "default.nix",
    "flake.nix",
    "flake.lock",
];

/// What the ecosystems of a build leave behind, made ready for thousands of files.
pub struct Leftovers {
    ecosystems: Vec<&'static Ecosystem>,
    /// Folders at any depth whose content is not shipped.
    folders: Patterns,
    /// The same with folders above them: `src/test/`.
    paths: Vec<&'static str>,
    /// Folders that are packed into what the build makes.
    packed: Vec<&'static str>,
    /// Files that are not shipped.
    files: Patterns,
}

impl Leftovers {
    /// Those of these ecosystems.
    pub fn of(ecosystems: &[&'static Ecosystem]) -> Leftovers {
        let mut out = Leftovers {
            ecosystems: ecosystems.to_vec(),
            folders: Patterns::default(),
            paths: Vec::new(),
            packed: ecosystems.iter().flat_map(|e| e.packed).copied().collect(),
            files: Patterns::default(),
        };
        for pattern in ecosystems.iter().flat_map(|e| e.not_shipped) {
            match pattern.strip_suffix('/') {
                Some(folder) if folder.contains('/') => out.paths.push(pattern),
                Some(folder) => out.folders.add(folder),
                None => out.files.add(pattern),
            }
        }
        out
    }

    /// Whether a file is a source, a manifest, a test, a document or some tool's.
    pub fn hold(&self, path: &str) -> bool {
        self.is_source(path) || self.is_test(path) || is_foreign(path) || is_document(path)
    }

    /// Whether it is a source or a manifest.
    pub fn is_source(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = name.rsplit_once('.').map(|(_, e)| e).unwrap_or_default();
        let is_build_input = self.ecosystems.iter().any(|e| e.sources.contains(&ending));
        is_build_input || manifests::is_manifest(name) && !self.ecosystems.is_empty()
    }

    /// Whether only builds and tests of its ecosystem read it.
    pub fn is_test(&self, path: &str) -> bool {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.files.fit(name)
            || folders.split('/').any(|part| self.folders.fit(part))
            || self.paths.iter().any(|pattern| below(path, pattern))
            || self.is_packed(path)
    }

    /// Whether it lies in a folder that is packed into what the build makes, where a package may be called
    /// like a folder of builds or tests.
    pub fn is_packed(&self, path: &str) -> bool {
        self.packed.iter().any(|folder| below(path, folder))
    }
}

/// Whether a file lies below a folder of this name, which ends with `/`, at any depth.
fn below(path: &str, folder: &str) -> bool {
    let mut found = path.match_indices(folder).filter_map(|(at, _)| path.get(..at));
    found.any(|above| above.is_empty() || above.ends_with('/'))
}

/// Patterns of a name.
#[derive(Default)]
struct Patterns {
    names: Vec<&'static str>,
    /// Behind a `*`.
    endings: Vec<&'static str>,
    globs: Vec<Glob>,
}

impl Patterns {
    fn add(&mut self, pattern: &'static str) {
        match pattern.split_once('*') {
            None => self.names.push(pattern),
            Some(("", ending)) if !ending.contains('*') => self.endings.push(ending),
            Some(_) => self.globs.extend(Glob::go(pattern)),
        }
    }

    fn fit(&self, name: &str) -> bool {
        self.names.contains(&name)
            || self.endings.iter().any(|ending| name.ends_with(ending))
            || self.globs.iter().any(|glob| glob.matches(name))
    }
}

/// Whether it belongs to tools around the project.
pub fn is_foreign(path: &str) -> bool {
    path.split('/').rev().skip(1).any(|part| FOLDERS.contains(&part))
}

/// Larger files are not looked into.
const MAX_LOOK: usize = 64 * 1024;

/// Whether a file's text shows that it is for those who build, deploy or read about the project: a
/// Kubernetes object, a chart, a unit of systemd, a script around Docker, a picture of the README.
pub fn is_for_people(context: &Context, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let text = || context.read_text(path).filter(|text| text.len() <= MAX_LOOK);
    let chart = path
        .match_indices('/')
        .filter_map(|(at, _)| path.get(..at))
        .any(|above| context.exists(&format!("{above}/Chart.yaml")));
    match ending {
        _ if chart || ending == "nix" => true,
        "yaml" | "yml" => text().is_some_and(|text| {
            let has = |key: &str| text.lines().any(|line| line.starts_with(key));
            has("apiVersion:") && has("kind:")
        }),
        "service" | "timer" => text().is_some_and(|text| text.contains("[Unit]") || text.contains("[Timer]")),
        "sh" | "bat" | "ps1" | "cmd" => text().is_some_and(|text| {
            let tools = ["docker", "docker-compose", "podman", "kubectl", "helm", "terraform"];
            let builds = ["go build", "cargo build", "make install", "npm run build", "git push"];
            text.split_whitespace().any(|word| tools.contains(&word)) || builds.iter().any(|b| text.contains(b))
        }),
        "png" | "gif" | "jpg" | "jpeg" | "svg" | "webp" => ["README.md", "readme.md", "README.rst"]
            .iter()
            .filter_map(|readme| context.text(readme))
            .any(|text| text.contains(path)),
        _ => false,
    }
}

fn is_document(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or(&name);
    let documents = ["md", "rst", "adoc"]
        .iter()
        .any(|e| name.rsplit_once('.').is_some_and(|(_, own)| own == *e));
    // Files of tools begin with a dot; these do not.
    let hidden = name.starts_with('.')
        && !name.starts_with(".env")
        && !matches!(name.as_str(), ".htaccess" | ".htpasswd" | ".netrc" | ".pgpass");
    FILES.contains(&name.as_str())
        || hidden
        || documents && !path.contains('/')
        || matches!(
            stem,
            "readme" | "license" | "licence" | "copying" | "changelog" | "contributing" | "notice"
        )
        || stem == "dockerfile"
        || name.ends_with(".dockerfile")
        || name.starts_with("docker-compose")
        || name.starts_with("compose.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::ecosystem::by_name;

    #[test]
    fn what_is_left_out() {
        let go = Leftovers::of(&[by_name("go").expect("known")]);
        for path in [
            "main.go",
            "go.mod",
            "a/b_test.go",
            ".babelrc",
            "vendor/a/x.tmpl",
            "x/testdata/y.json",
            "README.md",
            "docs/a.png",
            "Dockerfile.dev",
            "docker-compose.yml",
            ".git/config",
        ] {
            assert!(go.hold(path), "{path}");
        }
        for path in [
            "config.yaml",
            "templates/a.html",
            "content/post.md",
            "run.sh",
            "data/x.csv",
            ".env",
        ] {
            assert!(!go.hold(path), "{path}");
        }
    }
}
