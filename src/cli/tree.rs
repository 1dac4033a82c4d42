//! A folder of the file system as a build context.

use crate::context::{EntryKind, Tree};
use rayon::prelude::*;
#[cfg(unix)]
use rustix::fs::OFlags;
use std::collections::HashMap;
use std::fs::{self, DirEntry, File, FileType};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A folder, read on demand. Nothing outside of it is read, whatever links it holds, and nothing
/// that is no regular file is opened.
#[derive(Debug)]
pub struct FolderTree {
    /// The folder as the user or the search named it, for messages.
    shown: PathBuf,
    /// The folder itself, without links.
    root: PathBuf,
    /// What folders hold, each read once: hundreds of Dockerfiles may share one.
    lists: Mutex<HashMap<String, Arc<Entries>>>,
    /// Whether folders lie inside, links on the way to them followed.
    inside: Mutex<HashMap<PathBuf, bool>>,
}

/// Names in a folder, and what they are.
type Entries = [(String, EntryKind)];

/// So many entries of a folder are looked at by one thread before it asks for more.
const AT_ONCE: usize = 128;

impl FolderTree {
    /// The folder at `path`; none where there is none.
    pub fn open(path: &Path) -> Option<FolderTree> {
        FolderTree::open_as(path, path)
    }

    /// The folder at `path`, called `shown` in messages.
    pub fn open_as(path: &Path, shown: &Path) -> Option<FolderTree> {
        let root = fs::canonicalize(path).ok()?;
        root.is_dir().then(|| FolderTree {
            shown: shown.to_owned(),
            root,
            lists: Mutex::default(),
            inside: Mutex::default(),
        })
    }

    /// The folder as it was named.
    pub fn path(&self) -> &Path {
        &self.shown
    }

    /// The folder without links in its path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where `path` lies, if that is within the root; its last name may be a link.
    fn resolve(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path);
        if path.is_empty() || path == "." {
            return Some(self.root.clone());
        }
        if !relative
            .components()
            .all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
        {
            return None;
        }
        let full = self.root.join(relative);
        let parent = full.parent()?;
        // Only a folder on the way can lead out, and the root itself has no links.
        (parent == self.root || self.is_inside(parent)).then_some(full)
    }

    /// What the list of its folder says of `path`, where that was read.
    fn listed(&self, path: &str) -> Option<EntryKind> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = lists.get(folder)?;
        let at = entries.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        entries.get(at).map(|(_, kind)| *kind)
    }

    /// A regular file, opened, and its length in bytes.
    fn file(&self, path: &str) -> Option<(File, u64)> {
        let opened = |file: File| {
            let metadata = file.metadata().ok()?;
            metadata.is_file().then_some((file, metadata.len()))
        };
        // What a list calls a file lies inside, and need not be looked at before it is opened.
        if let Some(EntryKind::File(_)) = self.listed(path)
            && let Some(file) = open_in_place(&self.root.join(path))
        {
            return opened(file);
        }
        let mut full = self.resolve(path)?;
        let mut metadata = fs::symlink_metadata(&full).ok()?;
        if metadata.is_symlink() {
            full = fs::canonicalize(&full).ok()?;
            if !full.starts_with(&self.root) {
                return None;
            }
            metadata = fs::metadata(&full).ok()?;
        }
        if !metadata.is_file() {
            return None;
        }
        opened(File::open(&full).ok()?)
    }

    /// Whether a folder lies inside, each asked for once: thousands of files may lie in one.
    fn is_inside(&self, folder: &Path) -> bool {
        let known = || self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inside) = known().get(folder) {
            return *inside;
        }
        // One that is not there may be there later.
        let Ok(real) = fs::canonicalize(folder) else {
            return false;
        };
        let inside = real.starts_with(&self.root);
        known().insert(folder.to_owned(), inside);
        inside
    }
}

/// Opens a file that has become neither a link nor a pipe since its folder was listed.
#[cfg(unix)]
fn open_in_place(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A pipe without a writer would wait for one.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = File::options();
    let options = options.read(true).custom_flags(i32::try_from(flags.bits()).ok()?);
    options.open(path).ok()
}

/// Elsewhere a link is told only by looking first.
#[cfg(not(unix))]
fn open_in_place(_: &Path) -> Option<File> {
    None
}

/// So many bytes of a file. What is written behind its end meanwhile does not count.
fn content(file: File, length: u64) -> Option<Arc<[u8]>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
    file.take(length).read_to_end(&mut bytes).ok()?;
    Some(bytes.into())
}

fn kind_of(kind: FileType, length: impl FnOnce() -> u64) -> EntryKind {
    if kind.is_symlink() {
        EntryKind::Symlink
    } else if kind.is_dir() {
        EntryKind::Dir
    } else if kind.is_file() {
        EntryKind::File(length())
    } else {
        EntryKind::Other
    }
}

impl Tree for FolderTree {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        let metadata = fs::symlink_metadata(self.resolve(path)?).ok()?;
        Some(kind_of(metadata.file_type(), || metadata.len()))
    }

    fn read(&self, path: &str, limit: u64) -> Option<Arc<[u8]>> {
        let (file, length) = self.file(path)?;
        if length > limit {
            return None;
        }
        content(file, length)
    }

    fn head(&self, path: &str, bytes: usize) -> Option<Arc<[u8]>> {
        let (file, length) = self.file(path)?;
        content(file, length.min(bytes as u64))
    }

    fn list(&self, path: &str) -> Vec<(String, EntryKind)> {
        let lists = || self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lists().get(path) {
            return known.to_vec();
        }
        let names = self.entries(path);
        lists().insert(path.to_owned(), names.as_slice().into());
        names
    }
}

impl FolderTree {
    /// Reads a folder: its names, sorted.
    fn entries(&self, path: &str) -> Vec<(String, EntryKind)> {
        let Some(full) = self.resolve(path) else {
            return Vec::new();
        };
        // `read_dir` would follow a link that the folder itself is.
        if fs::symlink_metadata(&full).is_ok_and(|m| m.is_symlink()) {
            return Vec::new();
        }
        let Ok(entries) = fs::read_dir(full) else {
            return Vec::new();
        };
        let entries: Vec<DirEntry> = entries.flatten().collect();
        // A file's length is a question of its own.
        let mut names: Vec<(String, EntryKind)> = entries
            .par_iter()
            .with_min_len(AT_ONCE)
            .filter_map(|entry| {
                let kind = kind_of(entry.file_type().ok()?, || entry.metadata().map_or(0, |m| m.len()));
                Some((entry.file_name().into_string().ok()?, kind))
            })
            .collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, FolderTree) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("sub/b"), "content").unwrap();
        fs::write(folder.path().join("a"), "").unwrap();
        let tree = FolderTree::open(folder.path()).unwrap();
        (folder, tree)
    }

    #[test]
    fn looks_lists_and_reads() {
        let (_folder, tree) = tree();
        assert_eq!(tree.kind(""), Some(EntryKind::Dir));
        assert_eq!(tree.kind("sub/b"), Some(EntryKind::File(7)));
        assert_eq!(tree.kind("gone"), None);
        assert_eq!(
            tree.list(""),
            [("a".into(), EntryKind::File(0)), ("sub".into(), EntryKind::Dir)]
        );
        assert_eq!(tree.read("sub/b", 7).as_deref(), Some(b"content".as_slice()));
        assert_eq!(tree.read("sub/b", 6), None);
        assert_eq!(tree.head("sub/b", 3).as_deref(), Some(b"con".as_slice()));
        assert_eq!(tree.head("sub/b", 99).as_deref(), Some(b"content".as_slice()));
        assert_eq!(tree.list("gone"), []);
    }

    #[test]
    fn nothing_outside_is_seen() {
        let (folder, tree) = tree();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        for path in ["../a", "/etc/passwd", "sub/../../a"] {
            assert_eq!((tree.kind(path), tree.read(path, 99)), (None, None), "{path}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(outside.path(), folder.path().join("way")).unwrap();
            symlink(outside.path().join("secret"), folder.path().join("direct")).unwrap();
            symlink("a", folder.path().join("inner")).unwrap();
            assert_eq!(tree.kind("way"), Some(EntryKind::Symlink));
            assert_eq!(tree.kind("way/secret"), None);
            assert_eq!(tree.list("way"), []);
            assert_eq!(tree.read("way/secret", 99), None);
            assert_eq!(tree.read("direct", 99), None);
            assert!(tree.read("inner", 99).is_some());
        }
    }
}
