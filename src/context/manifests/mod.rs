//! Manifest and lock files of a context: which there are, and what the ones that rules ask about
//! say. Each file is read at most once, and only when asked for.

mod cargo;
mod cmake;
mod go_mod;
mod makefile;
mod node_lock;
mod package_json;
mod present;
mod pyproject;
pub mod toml;
mod xml;

pub use cargo::CargoToml;
pub use cmake::{CMakeCommand, CMakeLists};
pub use go_mod::{GoMod, GoReplace};
pub use makefile::{Makefile, RecipeLine, Rule};
pub use node_lock::{LOCK_FILES, LockKind, Locked, NodeLock};
pub use package_json::PackageJson;
pub use present::{Ecosystem, FileRole, ManifestFile, classify};
pub use pyproject::PyProject;
pub use xml::{DotNetProject, Pom};

use super::{Context, sources};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What was read so far, by folder.
#[derive(Default)]
pub struct Manifests {
    present: Cache<Vec<ManifestFile>>,
    package_json: Cache<PackageJson>,
    go_mod: Cache<GoMod>,
    cargo_toml: Cache<CargoToml>,
    pyproject: Cache<PyProject>,
    makefile: Cache<Makefile>,
    node_lock: Cache<NodeLock>,
    pom: Cache<Pom>,
    dotnet: Cache<DotNetProject>,
}

/// Values by folder; none is remembered too.
struct Cache<T>(Mutex<HashMap<String, Option<Arc<T>>>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Cache(Mutex::default())
    }
}

impl<T> Cache<T> {
    fn get(&self, folder: &str, make: impl FnOnce(&str) -> Option<T>) -> Option<Arc<T>> {
        let folder = sources::rooted(folder).into_owned();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known.get(&folder) {
            return value.clone();
        }
        let value = make(&folder).map(Arc::new);
        known.insert(folder, value.clone());
        value
    }
}

/// Whether a file of that name is read by a package manager or build tool.
pub fn is_manifest(name: &str) -> bool {
    present::classify(name).is_some()
}

/// `folder` is relative to the context's root, `""` the root itself. A file that is missing, too
/// large or broken gives none; whether it is ignored is not asked.
impl Context {
    /// The manifest, lock and tool files in a folder, sorted by name.
    pub fn manifest_files(&self, folder: &str) -> Arc<Vec<ManifestFile>> {
        let found = self
            .manifests
            .present
            .get(folder, |folder| Some(present::list(self.tree(), folder)));
        found.unwrap_or_default()
    }

    /// `package.json` in a folder.
    pub fn package_json(&self, folder: &str) -> Option<Arc<PackageJson>> {
        self.manifests.package_json.get(folder, |folder| {
            PackageJson::parse(&self.text_in(folder, "package.json")?)
        })
    }

    /// `go.mod` in a folder.
    pub fn go_mod(&self, folder: &str) -> Option<Arc<GoMod>> {
        self.manifests
            .go_mod
            .get(folder, |folder| Some(GoMod::parse(&self.text_in(folder, "go.mod")?)))
    }

    /// `Cargo.toml` in a folder.
    pub fn cargo_toml(&self, folder: &str) -> Option<Arc<CargoToml>> {
        self.manifests.cargo_toml.get(folder, |folder| {
            Some(CargoToml::parse(&self.text_in(folder, "Cargo.toml")?))
        })
    }

    /// `pyproject.toml` in a folder.
    pub fn pyproject(&self, folder: &str) -> Option<Arc<PyProject>> {
        self.manifests.pyproject.get(folder, |folder| {
            Some(PyProject::parse(&self.text_in(folder, "pyproject.toml")?))
        })
    }

    /// The lock file of npm, Yarn or pnpm at a path.
    pub fn node_lock(&self, path: &str) -> Option<Arc<NodeLock>> {
        self.manifests.node_lock.get(path, |path| {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let package = self.package_json(folder);
            let named: Vec<(&str, &str)> = package.iter().flat_map(|p| p.named()).collect();
            NodeLock::parse(path, &self.read_text(path)?, &named)
        })
    }

    /// The Makefile at a path, whatever it is called.
    pub fn makefile(&self, path: &str) -> Option<Arc<Makefile>> {
        self.manifests
            .makefile
            .get(path, |path| Some(Makefile::parse(&self.read_text(path)?)))
    }

    /// The `pom.xml` at a path.
    pub fn pom(&self, path: &str) -> Option<Arc<Pom>> {
        self.manifests.pom.get(path, |path| Pom::parse(&self.read_text(path)?))
    }

    /// The project file of .NET at a path.
    pub fn dotnet_project(&self, path: &str) -> Option<Arc<DotNetProject>> {
        self.manifests
            .dotnet
            .get(path, |path| DotNetProject::parse(&self.read_text(path)?))
    }

    fn text_in(&self, folder: &str, name: &str) -> Option<String> {
        self.read_text(&sources::join(folder, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{EntryKind, Memory, Tree};
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counting(Memory, AtomicUsize);

    impl Tree for Counting {
        fn kind(&self, path: &str) -> Option<EntryKind> {
            self.0.kind(path)
        }
        fn read(&self, path: &str, limit: u64) -> Option<Arc<[u8]>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.read(path, limit)
        }
        fn length(&self, path: &str) -> Option<u64> {
            self.0.length(path)
        }
        fn list(&self, path: &str) -> Vec<(String, EntryKind)> {
            self.0.list(path)
        }
    }

    #[test]
    fn each_file_is_read_once() {
        let tree = Arc::new(Counting(
            Memory::new([("web/package.json", r#"{"name": "web"}"#), ("go.mod", "module m\n")]),
            AtomicUsize::new(0),
        ));
        let context = Context::new("app", tree.clone(), None);
        let before = tree.1.load(Ordering::Relaxed);
        for folder in ["web", "./web/", "/web"] {
            let package = context.package_json(folder).expect("a package");
            assert_eq!(package.name.as_deref(), Some("web"));
        }
        assert!(context.package_json("").is_none() && context.package_json("").is_none());
        assert_eq!(context.go_mod("").map(|m| m.module.clone()), Some(Some("m".to_owned())));
        assert_eq!(tree.1.load(Ordering::Relaxed) - before, 3);
    }
}
