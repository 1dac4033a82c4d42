//! Which files to lint.

use super::read;
use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A file to lint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What to read.
    pub input: Input,
    /// The folder that writing must not leave through links.
    pub tree: PathBuf,
    /// It was named itself, not found in a folder.
    pub named: bool,
}

/// Where the text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Files, in the order of the arguments and, within a folder, of their paths; none twice.
    pub targets: Vec<Target>,
    /// What went wrong on the way: path and reason.
    pub errors: Vec<(PathBuf, String)>,
    /// Folders that were named and hold no Dockerfile.
    pub barren: Vec<PathBuf>,
}

/// Patterns of `--exclude`, read as those of a .gitignore in the current folder.
#[derive(Debug, Clone)]
pub struct Excludes {
    patterns: Gitignore,
    here: PathBuf,
}

impl Excludes {
    /// # Errors
    /// The pattern that is none, and why.
    pub fn new(globs: &[String], here: &Path) -> Result<Excludes, String> {
        let mut builder = GitignoreBuilder::new(here);
        builder.allow_unclosed_class(false);
        for glob in globs {
            builder
                .add_line(None, glob)
                .map_err(|error| format!("--exclude {glob}: {error}"))?;
        }
        let patterns = builder.build().map_err(|error| format!("--exclude: {error}"))?;
        Ok(Excludes {
            patterns,
            here: here.to_owned(),
        })
    }

    /// Whether a path, or a folder on its way, is excluded.
    fn excludes(&self, path: &Path, folder: bool) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        // Outside of the current folder only the names can match.
        let inside: PathBuf = match path.strip_prefix(&self.here) {
            Ok(inside) => inside.to_owned(),
            Err(_) => path
                .components()
                .filter(|c| matches!(c, Component::Normal(_)))
                .collect(),
        };
        self.patterns.matched_path_or_any_parents(inside, folder).is_ignore()
    }
}

/// Whether a file of this name is taken for a Dockerfile when a folder is searched.
pub fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["dockerfile", "containerfile"]
        .iter()
        .any(|base| match lower.strip_prefix(base) {
            Some(rest) => rest.is_empty() || (rest.starts_with('.') && rest.len() > 1 && !NOT_SUFFIXES.contains(&rest)),
            None => false,
        })
        || lower
            .strip_suffix(".dockerfile")
            .or(lower.strip_suffix(".containerfile"))
            .is_some_and(|stem| !stem.is_empty())
}

/// Endings behind `Dockerfile` that say it is something else: ignore lists, backups, documents.
const NOT_SUFFIXES: [&str; 9] = [
    ".dockerignore",
    ".orig",
    ".bak",
    ".swp",
    ".rej",
    ".md",
    ".lock",
    ".mbopt",
    ".sha256",
];

/// Finds the files that `paths` name; `-` is standard input. `force` applies the excludes to files
/// that are named, too.
pub fn find(paths: &[PathBuf], excludes: &Excludes, force: bool) -> Found {
    let mut found = Found::default();
    // By what a path leads to, so that a file named twice, or by a link too, is linted and mended once.
    let mut seen = HashSet::new();
    for path in paths {
        if path.as_os_str() == "-" {
            if seen.insert(path.clone()) {
                found.targets.push(Target {
                    input: Input::Stdin,
                    tree: PathBuf::from("."),
                    named: true,
                });
            }
        } else if fs::metadata(path).is_ok_and(|m| m.is_dir()) {
            let root = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            let files = search(path, excludes, &mut found.errors);
            if files.is_empty() {
                found.barren.push(path.clone());
            }
            for file in files {
                let identity = match (file.link, file.path.strip_prefix(tidy(path))) {
                    // No link is followed on the way to a plain file.
                    (false, Ok(inside)) => root.join(inside),
                    _ => identity(&file.path),
                };
                if seen.insert(identity) {
                    found.targets.push(Target {
                        input: Input::File(file.path),
                        tree: path.clone(),
                        named: false,
                    });
                }
            }
        } else if !(force && excludes.excludes(path, false)) && seen.insert(identity(path)) {
            found.targets.push(Target {
                tree: tree_of(path, &excludes.here),
                named: true,
                input: Input::File(tidy(path)),
            });
        }
    }
    found
}

/// What a path leads to; the path itself where that cannot be known.
fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| tidy(path))
}

/// The tree that a named file belongs to: the current folder where it lies below, else its folder.
fn tree_of(path: &Path, here: &Path) -> PathBuf {
    let below = path.strip_prefix(here).unwrap_or(path);
    if below.is_relative() && !below.components().any(|c| c == Component::ParentDir) {
        return here.to_owned();
    }
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// The path without a leading `./`.
fn tidy(path: &Path) -> PathBuf {
    path.strip_prefix(".").unwrap_or(path).to_owned()
}

/// A Dockerfile found in a folder.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    path: PathBuf,
    link: bool,
}

/// The Dockerfiles in a folder and below, by path.
fn search(root: &Path, excludes: &Excludes, errors: &mut Vec<(PathBuf, String)>) -> Vec<Hit> {
    let mut files = Vec::new();
    // Hidden folders hold Dockerfiles (.devcontainer, .github); git's own data do not.
    let pruner = excludes.clone();
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .filter_entry(move |entry| {
            let folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            entry.depth() == 0
                || (entry.file_name() != ".git" && !(folder && pruner.excludes(&tidy(entry.path()), true)))
        })
        .build();
    for entry in walk {
        match entry {
            Ok(entry) => files.extend(dockerfile(&entry, excludes)),
            Err(error) => errors.push(split(error, root)),
        }
    }
    files.sort();
    files
}

/// The path of a thing found on the walk, if it is to be linted.
fn dockerfile(entry: &ignore::DirEntry, excludes: &Excludes) -> Option<Hit> {
    let kind = entry.file_type()?;
    let path = tidy(entry.path());
    let wanted = is_dockerfile(entry.file_name().to_str()?)
        && (kind.is_file() || (kind.is_symlink() && stands_alone(entry.path())))
        && !excludes.excludes(&path, false);
    wanted.then(|| Hit {
        path,
        link: kind.is_symlink(),
    })
}

/// Whether a link leads to a regular file that is not found by its own name.
fn stands_alone(link: &Path) -> bool {
    let Ok(target) = fs::canonicalize(link) else {
        return false;
    };
    let named = target.file_name().and_then(|n| n.to_str()).is_some_and(is_dockerfile);
    !named && fs::metadata(&target).is_ok_and(|m| m.is_file())
}

/// An error of the walk as path and reason.
fn split(error: ignore::Error, root: &Path) -> (PathBuf, String) {
    match error {
        ignore::Error::WithDepth { err, .. } => split(*err, root),
        ignore::Error::WithPath { path, err } => (path, split(*err, root).1),
        ignore::Error::WithLineNumber { line, err } => {
            (root.to_owned(), format!("line {line}: {}", split(*err, root).1))
        }
        ignore::Error::Loop { child, .. } => (child, "a symbolic link that leads in a circle".to_owned()),
        ignore::Error::Io(error) => (root.to_owned(), format!("cannot be searched: {error}")),
        other => (root.to_owned(), other.to_string()),
    }
}

/// The paths that `--file-list` names, one a line.
///
/// # Errors
/// Why the list cannot be read.
pub fn listed(list: &Path) -> Result<Vec<PathBuf>, String> {
    let bytes = if list.as_os_str() == "-" {
        read::stdin()
    } else {
        read::file(list)
    };
    let bytes = bytes.map_err(|error| format!("--file-list {}: {error}", list.display()))?;
    bytes
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(path_from_bytes)
        .collect()
}

#[cfg(unix)]
fn path_from_bytes(bytes: &[u8]) -> Result<PathBuf, String> {
    use std::os::unix::ffi::OsStrExt;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn path_from_bytes(bytes: &[u8]) -> Result<PathBuf, String> {
    std::str::from_utf8(bytes)
        .map(PathBuf::from)
        .map_err(|_| "--file-list: a path is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that are taken for Dockerfiles.
    const OURS: [&str; 9] = [
        "Dockerfile",
        "dockerfile",
        "DOCKERFILE",
        "Dockerfile.dev",
        "Containerfile",
        "containerfile.x",
        "api.dockerfile",
        "api.Dockerfile",
        "Dockerfile.alpine-3.20",
    ];

    /// Names that are not.
    const OTHERS: [&str; 9] = [
        "Dockerfiles",
        "Dockerfile.",
        "Dockerfile.dockerignore",
        "mydockerfile",
        ".dockerfile",
        "dockerfile-x",
        "Dockerfile.md",
        "compose.yaml",
        "Dockerfilé",
    ];

    #[test]
    fn names_of_dockerfiles() {
        for name in OURS {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in OTHERS {
            assert!(!is_dockerfile(name), "{name}");
        }
    }

    #[test]
    fn the_hooks_take_the_same_names() {
        let hooks: serde_json::Value =
            serde_yaml::from_str(include_str!("../../.pre-commit-hooks.yaml")).expect("YAML");
        let hooks = hooks.as_array().expect("a list");
        assert_eq!(hooks.len(), 6);
        for hook in hooks {
            let pattern = |key: &str| regex::Regex::new(hook[key].as_str().expect("a pattern")).expect("a pattern");
            let (files, exclude) = (pattern("files"), pattern("exclude"));
            for folder in ["", "a/b.d/"] {
                let takes = |name: &&&str| {
                    let path = format!("{folder}{name}");
                    files.is_match(&path) && !exclude.is_match(&path)
                };
                assert_eq!(OURS.iter().filter(takes).count(), OURS.len());
                assert_eq!(OTHERS.iter().filter(takes).collect::<Vec<_>>(), Vec::<&&str>::new());
                for suffix in NOT_SUFFIXES {
                    assert!(!takes(&&format!("Dockerfile{suffix}").as_str()), "{suffix}");
                }
            }
            let version = env!("CARGO_PKG_VERSION");
            assert!(hook["language"] != "docker_image" || hook["entry"].as_str().unwrap().contains(version));
        }
    }

    fn layout(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "FROM a\n").unwrap();
        }
        folder
    }

    fn found(folder: &Path, paths: &[&str], globs: &[&str], force: bool) -> (Vec<String>, Found) {
        let globs: Vec<String> = globs.iter().map(|g| (*g).to_owned()).collect();
        let excludes = Excludes::new(&globs, folder).unwrap();
        let paths: Vec<PathBuf> = paths.iter().map(|p| folder.join(p)).collect();
        let found = find(&paths, &excludes, force);
        let names = found
            .targets
            .iter()
            .map(|t| match &t.input {
                Input::File(path) => path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(),
                Input::Stdin => "-".to_owned(),
            })
            .collect();
        (names, found)
    }

    #[test]
    fn folders_are_searched_in_order_hidden_ones_too() {
        let folder = layout(&[
            "b/Dockerfile",
            "b/a.dockerfile",
            ".devcontainer/Dockerfile",
            "a/x.txt",
            ".git/Dockerfile",
            "c/Containerfile",
        ]);
        let (names, _) = found(folder.path(), &["c", "", "b/Dockerfile"], &[], false);
        assert_eq!(
            names,
            [
                "c/Containerfile",
                ".devcontainer/Dockerfile",
                "b/Dockerfile",
                "b/a.dockerfile"
            ]
        );
    }

    #[test]
    fn gitignore_holds_in_a_repository() {
        let folder = layout(&["vendor/Dockerfile", "Dockerfile", ".git/HEAD"]);
        fs::write(folder.path().join(".gitignore"), "vendor/\n").unwrap();
        assert_eq!(found(folder.path(), &[""], &[], false).0, ["Dockerfile"]);
        assert_eq!(
            found(folder.path(), &["vendor/Dockerfile"], &[], false).0,
            ["vendor/Dockerfile"]
        );
    }

    #[test]
    fn excludes_spare_named_files_unless_forced() {
        let folder = layout(&["test/Dockerfile", "test/deep/Dockerfile", "Dockerfile"]);
        assert_eq!(found(folder.path(), &[""], &["test/"], false).0, ["Dockerfile"]);
        assert_eq!(
            found(folder.path(), &["test/deep/Dockerfile"], &["test"], false).0,
            ["test/deep/Dockerfile"]
        );
        let (names, found) = found(folder.path(), &["test/deep/Dockerfile"], &["test"], true);
        assert!(names.is_empty() && found.barren.is_empty());
    }

    #[test]
    fn a_folder_without_dockerfiles_is_said() {
        let folder = layout(&["a/x.txt", "b/Dockerfile"]);
        let (names, found) = found(folder.path(), &["a", "b"], &[], false);
        assert_eq!(names, ["b/Dockerfile"]);
        assert_eq!(found.barren, [folder.path().join("a")]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_taken_where_their_target_is_not() {
        use std::os::unix::fs::symlink;
        let folder = layout(&["a/Dockerfile", "image.df"]);
        symlink("a/Dockerfile", folder.path().join("Dockerfile")).unwrap();
        symlink("image.df", folder.path().join("Dockerfile.image")).unwrap();
        symlink("gone", folder.path().join("Dockerfile.gone")).unwrap();
        assert_eq!(
            found(folder.path(), &[""], &[], false).0,
            ["Dockerfile.image", "a/Dockerfile"]
        );
    }

    #[test]
    fn a_named_file_belongs_to_the_current_folder_if_it_lies_below() {
        let here = Path::new("/w");
        assert_eq!(tree_of(Path::new("a/Dockerfile"), here), here);
        assert_eq!(tree_of(Path::new("/w/a/Dockerfile"), here), here);
        assert_eq!(tree_of(Path::new("/x/Dockerfile"), here), Path::new("/x"));
        assert_eq!(tree_of(Path::new("../Dockerfile"), here), Path::new(".."));
    }
}
