//! The repository that a build context lies in: which of its files speak of Dockerfiles and images,
//! and what they say of how one is built.

pub mod builds;
pub mod yaml;

pub use builds::Build;

use super::sources::join;
use super::{Context, EntryKind, Tree};
use crate::config::glob::clean;
use std::collections::HashSet;
use std::sync::Arc;

/// A repository, or as much of it as may be looked at.
#[derive(Debug)]
pub struct Repository {
    files: Context,
    /// Its root, absolute, `/` between the names and none behind the last.
    root: String,
    /// What relative names of files begin at, absolute.
    here: String,
}

/// What a file that speaks of images is, by its name and folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaks {
    /// Compose's services.
    Compose,
    /// Commands: pipelines, Makefiles, scripts, documents for people.
    Commands,
    /// A container to develop in.
    Devcontainer,
    /// Objects of Kubernetes.
    Kubernetes,
    /// Another Dockerfile.
    Dockerfile,
}

/// A file that speaks of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// Relative to the root.
    pub path: String,
    /// What it is.
    pub speaks: Speaks,
    /// How many folders it lies below the way from the root to the Dockerfile: 0 for one on the way.
    pub aside: usize,
}

/// So many files of a folder are looked at.
const FOLDER_LIMIT: usize = 40;
/// So many names of a folder are looked at.
const NAMES_LIMIT: usize = 400;

/// Folders in which pipelines lie.
const PIPELINES: [&str; 5] = [".github/workflows", ".circleci", ".gitlab", ".woodpecker", ".buildkite"];
/// Folders in which other files lie that speak of images.
const ASIDE: [&str; 24] = [
    ".ci",
    ".devcontainer",
    ".docker",
    "build",
    "ci",
    "compose",
    "config",
    "deploy",
    "deployment",
    "deployments",
    "dev",
    "devops",
    "docker",
    "docker-compose",
    "hack",
    "infra",
    "infrastructure",
    "k8",
    "k8s",
    "kube",
    "kubernetes",
    "manifests",
    "ops",
    "scripts",
];

impl Repository {
    /// The repository of `tree`, whose root lies at `root`; relative names of files begin at `here`.
    /// Both are absolute; `\` is taken for `/`.
    pub fn new(tree: Arc<dyn Tree>, root: &str, here: &str) -> Repository {
        let plain = |path: &str| path.replace('\\', "/").trim_end_matches('/').to_owned();
        Repository {
            files: Context::with_ignore_file("", tree, None),
            root: plain(root),
            here: plain(here),
        }
    }

    /// Its files; nothing is ignored.
    pub fn files(&self) -> &Context {
        &self.files
    }

    /// A file's or folder's path relative to the root; none for one outside. The root's own is empty.
    pub fn path_of(&self, name: &str) -> Option<String> {
        let name = name.replace('\\', "/");
        let full = if name.starts_with('/') || name.get(1..3) == Some(":/") {
            clean(&name)
        } else {
            clean(&format!("{}/{name}", self.here))
        };
        let inside = full.strip_prefix(&self.root)?;
        match inside.strip_prefix('/') {
            Some(path) => Some(path.to_owned()),
            None => inside.is_empty().then(String::new),
        }
    }
}

/// The files that may speak of an image that is built in `folder`: on the way to it from the root, the
/// nearest first, and in folders beside the way that bear the names of such.
pub fn speakers(files: &Context, folder: &str) -> Arc<Vec<Speaker>> {
    files.derived(folder.to_owned(), || {
        let mut out = Vec::new();
        let mut at = Some(folder);
        while let Some(folder) = at {
            on_the_way(files, folder, &mut out);
            at = parent(folder);
        }
        // A folder on the way may have the name of one beside it.
        let mut known = HashSet::new();
        out.retain(|speaker: &Speaker| known.insert(speaker.path.clone()));
        out
    })
}

/// The folder that a path lies in; none for the root.
pub fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    Some(path.rsplit_once('/').map_or("", |(folder, _)| folder))
}

/// Whether a path is a folder, or lies in it; everything lies in the root.
pub fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder);
    folder.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn on_the_way(files: &Context, folder: &str, out: &mut Vec<Speaker>) {
    let list = files.tree().list(folder);
    let mut aside = Vec::new();
    for (name, kind) in list.iter().take(NAMES_LIMIT) {
        match kind {
            EntryKind::File => {
                if let Some(speaks) = of_name(name, "") {
                    out.push(Speaker {
                        path: join(folder, name),
                        speaks,
                        aside: 0,
                    });
                }
            }
            EntryKind::Dir => {
                if ASIDE.contains(&name.to_ascii_lowercase().as_str()) {
                    aside.push(name.clone());
                }
                let inside = |p: &&&str| p.split('/').next() == Some(name);
                aside.extend(PIPELINES.iter().filter(inside).map(|p| (*p).to_owned()));
            }
            _ => {}
        }
    }
    for name in aside {
        let inside = join(folder, &name);
        for (file, kind) in files.tree().list(&inside).into_iter().take(FOLDER_LIMIT) {
            if kind == EntryKind::File
                && let Some(speaks) = of_name(&file, &name)
            {
                out.push(Speaker {
                    path: join(&inside, &file),
                    speaks,
                    aside: 1,
                });
            }
        }
    }
}

/// What a file in a folder of this name is; an empty one for a folder on the way.
fn of_name(file: &str, folder: &str) -> Option<Speaks> {
    let lower = file.to_ascii_lowercase();
    let yaml = lower.ends_with(".yml") || lower.ends_with(".yaml");
    if yaml && (lower.contains("compose") || lower.starts_with("fig.")) {
        return Some(Speaks::Compose);
    }
    if matches!(lower.as_str(), "devcontainer.json" | ".devcontainer.json") {
        return Some(Speaks::Devcontainer);
    }
    let pipeline = PIPELINES.contains(&folder);
    if is_command_file(&lower) || yaml && (lower.contains("ci") || pipeline) {
        return Some(Speaks::Commands);
    }
    if lower.contains("dockerfile") || lower.contains("containerfile") {
        return Some(Speaks::Dockerfile);
    }
    let cluster = ["deploy", "k8s", "kube", "pod.", "job.", "statefulset", "daemonset"];
    let objects = !folder.is_empty() || cluster.iter().any(|word| lower.contains(word));
    (yaml && objects).then_some(Speaks::Kubernetes)
}

/// Whether a file may hold commands, by its name in lower case.
fn is_command_file(lower: &str) -> bool {
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

impl Context {
    /// The same context, which lies in the folder `folder` of a repository.
    pub fn within(mut self, repository: Arc<Repository>, folder: String) -> Context {
        self.repository = Some((repository, folder));
        self
    }

    /// The repository that it lies in and its folder there, where one is known.
    pub fn repository(&self) -> Option<(&Repository, &str)> {
        self.repository.as_ref().map(|(r, folder)| (&**r, folder.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;

    #[test]
    fn names_are_found_again_in_the_repository() {
        let tree = Memory::new([("api/Dockerfile", "")]);
        let repository = Repository::new(Arc::new(tree), "/home/me/repo/", "/home/me");
        for name in [
            "repo/api/Dockerfile",
            "./repo/x/../api/Dockerfile",
            "/home/me/repo/api/Dockerfile",
        ] {
            assert_eq!(repository.path_of(name).as_deref(), Some("api/Dockerfile"), "{name}");
        }
        assert_eq!(repository.path_of("repo").as_deref(), Some(""));
        assert_eq!(repository.path_of("repository/Dockerfile"), None);
        assert_eq!(repository.path_of("/etc/passwd"), None);
    }

    #[test]
    fn speakers_stand_on_the_way_and_beside_it() {
        let tree = Memory::new([
            ("docker-compose.yml", ""),
            (".github/workflows/ci.yml", ""),
            ("k8s/app.yaml", ""),
            ("api/Makefile", ""),
            ("api/src/Makefile", ""),
            ("web/Makefile", ""),
            ("api/Dockerfile.dev", ""),
        ]);
        let files = Context::new("", Arc::new(tree), None);
        let found = speakers(&files, "api");
        let paths: Vec<&str> = found.iter().map(|s| s.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "api/Dockerfile.dev",
                "api/Makefile",
                "docker-compose.yml",
                ".github/workflows/ci.yml",
                "k8s/app.yaml"
            ]
        );
    }
}
