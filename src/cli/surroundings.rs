//! What lies around a Dockerfile: its repository, the config in force, the folders that may be its
//! build context. Looked up once a folder.

use super::engine::{ConfigText, Engine, Selection};
use super::tree::FolderTree;
use crate::config::discovery;
use crate::context::{Repository, Tree};
use miette::{GraphicalReportHandler, GraphicalTheme};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The largest config that is read, in bytes.
const CONFIG_LIMIT: u64 = 1024 * 1024;

/// A config in force, or why there is none although there should be: then the message, already
/// drawn.
pub type Loaded<C> = Result<Arc<C>, Arc<str>>;

/// Where configs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// The nearest one, upward from the linted file.
    Nearest,
    /// This one (`--config`).
    File(PathBuf),
    /// None (`--no-config`).
    None,
}

/// Looks up and remembers.
pub struct Surroundings<'e, E: Engine> {
    engine: &'e E,
    source: ConfigSource,
    selection: Selection,
    here: PathBuf,
    /// Whether errors are drawn in colour.
    colour: bool,
    /// The config that holds in a folder.
    found: Mutex<HashMap<PathBuf, Option<(PathBuf, bool)>>>,
    /// Configs by their path; the one that holds without a config under none.
    loaded: Mutex<HashMap<Option<PathBuf>, Loaded<E::Config>>>,
    contexts: Mutex<HashMap<PathBuf, Arc<[Arc<FolderTree>]>>>,
    /// Repositories by their root, or by the last folder that may be looked at.
    repositories: Mutex<HashMap<PathBuf, Arc<Repository>>>,
}

/// A poisoned lock guards a cache that is still true.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'e, E: Engine> Surroundings<'e, E> {
    /// `here` is the current folder; `colour` is for what is said on standard error.
    pub fn new(engine: &'e E, source: ConfigSource, selection: Selection, here: PathBuf, colour: bool) -> Self {
        Surroundings {
            engine,
            source,
            selection,
            here,
            colour,
            found: Mutex::default(),
            loaded: Mutex::default(),
            contexts: Mutex::default(),
            repositories: Mutex::default(),
        }
    }

    /// The current folder.
    pub fn here(&self) -> &Path {
        &self.here
    }

    /// The folder of a file, absolute.
    fn folder_of(&self, file: &Path) -> PathBuf {
        let full = self.here.join(file);
        let full = normal(&full);
        full.parent().map_or(full.clone(), Path::to_owned)
    }

    /// The folders from `folder` upward to the repository's root; without a repository, to the
    /// current folder if that is above, else only the folder itself, so that nothing is taken from
    /// places that the user did not mean.
    fn upward(&self, folder: &Path) -> Vec<PathBuf> {
        let all: Vec<&Path> = folder.ancestors().collect();
        let end = all
            .iter()
            .position(|f| f.join(".git").exists())
            .or_else(|| all.iter().position(|f| *f == self.here))
            .unwrap_or(0);
        all.into_iter().take(end + 1).map(Path::to_owned).collect()
    }

    /// Where the config for a file lies, and whether it is hadolint's.
    pub fn config_path(&self, file: &Path) -> Option<(PathBuf, bool)> {
        match &self.source {
            ConfigSource::None => None,
            ConfigSource::File(path) => Some((path.clone(), is_hadolint(path))),
            ConfigSource::Nearest => {
                let folder = self.folder_of(file);
                if let Some(found) = locked(&self.found).get(&folder) {
                    return found.clone();
                }
                let found = self.search(&folder);
                locked(&self.found).insert(folder, found.clone());
                found
            }
        }
    }

    /// The config in force for a file.
    pub fn config(&self, file: &Path) -> Loaded<E::Config> {
        let found = self.config_path(file);
        // Held while reading, so that a config is read once and its errors are drawn once.
        let mut loaded = locked(&self.loaded);
        if let Some(known) = loaded.get(&found.as_ref().map(|(path, _)| path.clone())) {
            return known.clone();
        }
        let config = self.load(found.as_ref());
        loaded.insert(found.map(|(path, _)| path), config.clone());
        config
    }

    /// A file's path in the frame of its config: both relative to the current folder where the
    /// config lies there, else both absolute.
    pub fn framed(&self, file: &Path) -> String {
        let full = normal(&self.here.join(file));
        let outside = self
            .config_path(file)
            .is_some_and(|(config, _)| config.strip_prefix(&self.here).is_err());
        let framed = if outside { full } else { self.shown(&full) };
        framed.to_string_lossy().replace('\\', "/")
    }

    /// Every config that could be used.
    pub fn configs(&self) -> Vec<Arc<E::Config>> {
        let loaded = locked(&self.loaded);
        let mut all: Vec<_> = loaded
            .iter()
            .filter_map(|(path, config)| Some((path, config.as_ref().ok()?.clone())))
            .collect();
        all.sort_by(|a, b| a.0.cmp(b.0));
        all.into_iter().map(|(_, config)| config).collect()
    }

    /// Every config that could not be used, drawn, once.
    pub fn config_errors(&self) -> Vec<Arc<str>> {
        let loaded = locked(&self.loaded);
        let mut errors: Vec<_> = loaded
            .iter()
            .filter_map(|(path, config)| Some((path, config.as_ref().err()?.clone())))
            .collect();
        errors.sort();
        errors.into_iter().map(|(_, error)| error).collect()
    }

    fn search(&self, folder: &Path) -> Option<(PathBuf, bool)> {
        let folders: Vec<String> = self
            .upward(folder)
            .iter()
            .map(|f| f.to_string_lossy().into_owned())
            .collect();
        let found = discovery::nearest(folders.iter().map(String::as_str), &|path| Path::new(path).exists())?;
        Some((PathBuf::from(found.path), found.hadolint))
    }

    fn load(&self, found: Option<&(PathBuf, bool)>) -> Loaded<E::Config> {
        let text = match found {
            None => None,
            Some((path, hadolint)) => {
                let shown = self.shown(path);
                let text = config_text(path, "config")
                    .map_err(|why| Arc::from(format!("error: {}: {why}", shown.display())))?;
                Some(ConfigText {
                    path: shown,
                    text,
                    hadolint: *hadolint,
                })
            }
        };
        match self.engine.config(text, &self.selection) {
            Ok(config) => Ok(Arc::new(config)),
            Err(report) => Err(Arc::from(self.draw(&report).trim_end())),
        }
    }

    /// An error with its place, as miette draws it.
    fn draw(&self, report: &miette::Report) -> String {
        let theme = if self.colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let mut out = String::new();
        match GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .render_report(&mut out, report.as_ref())
        {
            Ok(()) => out,
            Err(_) => format!("error: {report}"),
        }
    }

    /// A path as the user would write it.
    pub fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.here).unwrap_or(path).to_owned()
    }

    /// The folders that may be the build context of a file, the nearest first.
    pub fn contexts(&self, file: &Path) -> Arc<[Arc<FolderTree>]> {
        let folder = self.folder_of(file);
        if let Some(known) = locked(&self.contexts).get(&folder) {
            return known.clone();
        }
        let trees: Arc<[Arc<FolderTree>]> = self
            .upward(&folder)
            .iter()
            .filter_map(|f| {
                // Shown as the user would name it.
                let shown = f
                    .strip_prefix(&self.here)
                    .ok()
                    .map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
                FolderTree::open_as(f, shown.unwrap_or(f)).map(Arc::new)
            })
            .collect();
        locked(&self.contexts).insert(folder, trees.clone());
        trees
    }
}

impl<E: Engine> Surroundings<'_, E> {
    /// The repository that a file lies in; without one, what of the way up may be looked at.
    pub fn repository(&self, file: &Path) -> Option<Arc<Repository>> {
        let tree = self.contexts(file).last()?.clone();
        let mut known = locked(&self.repositories);
        let root = self.here.join(tree.path());
        let make = || {
            let files: Arc<dyn Tree> = tree.clone();
            Arc::new(Repository::new(
                files,
                &root.to_string_lossy(),
                &self.here.to_string_lossy(),
            ))
        };
        Some(known.entry(tree.root().to_owned()).or_insert_with(make).clone())
    }
}

fn is_hadolint(path: &Path) -> bool {
    path.file_name()
        .and_then(|n| n.to_str())
        .is_some_and(|n| discovery::hadolint_names().contains(&n))
}

/// The text of a config, or of `what` else a config names.
pub(super) fn config_text(path: &Path, what: &str) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("no such {what} file"),
        _ => format!("the {what} cannot be read: {error}"),
    })?;
    if let Some(kind) = super::read::irregular(&metadata) {
        return Err(format!("a {what} must be a regular file, and this is {kind}"));
    }
    if metadata.len() > CONFIG_LIMIT {
        return Err(format!("the {what} is larger than 1 MiB"));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("the {what} cannot be read: {error}"))?;
    String::from_utf8(bytes)
        .map_err(|error| format!("the {what} is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
}

/// The path without `.` and `..`, by its names alone.
pub(super) fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::builtin::Builtin;
    use std::fs;

    /// `a/.git`, `a/b/c/Dockerfile` under a current folder.
    fn layout() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(here.join("a/b/c")).unwrap();
        fs::create_dir_all(here.join("a/.git")).unwrap();
        (folder, here)
    }

    #[test]
    fn the_nearest_config_up_to_the_repository_holds() {
        let (_folder, here) = layout();
        let engine = Builtin::default();
        let search = |here: &Path| {
            Surroundings::new(
                &engine,
                ConfigSource::Nearest,
                Selection::default(),
                here.to_owned(),
                false,
            )
            .search(&here.join("a/b/c"))
        };
        fs::write(here.join("mbopt.yaml"), "").unwrap();
        assert_eq!(search(&here), None, "above the repository");
        fs::write(here.join("a/b/.hadolint.yaml"), "").unwrap();
        assert_eq!(search(&here), Some((here.join("a/b/.hadolint.yaml"), true)));
        fs::write(here.join("a/.mbopt.yaml"), "").unwrap();
        assert_eq!(
            search(&here),
            Some((here.join("a/.mbopt.yaml"), false)),
            "ours before hadolint's, even if farther"
        );
        fs::write(here.join("a/b/mbopt.yaml"), "").unwrap();
        assert_eq!(search(&here), Some((here.join("a/b/mbopt.yaml"), false)));
    }

    #[test]
    fn contexts_go_upward_to_the_repository() {
        let (_folder, here) = layout();
        let engine = Builtin::default();
        let around = Surroundings::new(&engine, ConfigSource::None, Selection::default(), here.clone(), false);
        let shown: Vec<_> = around
            .contexts(Path::new("./a/b/x/../Dockerfile"))
            .iter()
            .map(|t| t.path().to_owned())
            .collect();
        assert_eq!(shown, [PathBuf::from("a/b"), PathBuf::from("a")]);
        fs::remove_dir(here.join("a/.git")).unwrap();
        let engine = Builtin::default();
        let around = Surroundings::new(&engine, ConfigSource::None, Selection::default(), here.clone(), false);
        assert_eq!(
            around.contexts(Path::new("a/Dockerfile")).len(),
            2,
            "to the current folder"
        );
        assert_eq!(around.contexts(&here.join("../Dockerfile")).len(), 1, "not above it");
    }

    #[test]
    fn a_config_that_cannot_be_read_is_an_error_said_once() {
        let (_folder, here) = layout();
        fs::create_dir(here.join("a/mbopt.yaml")).unwrap();
        let engine = Builtin::default();
        let around = Surroundings::new(&engine, ConfigSource::Nearest, Selection::default(), here, false);
        assert!(around.config(Path::new("a/Dockerfile")).is_err());
        assert!(around.config(Path::new("a/b/Dockerfile")).is_err());
        let errors = around.config_errors();
        assert_eq!(errors.len(), 1);
        assert_eq!(
            &*errors[0],
            "error: a/mbopt.yaml: a config must be a regular file, and this is a folder"
        );
    }
}
