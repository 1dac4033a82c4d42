//! A folder of the file system as a build context.

use crate::context::{EntryKind, Tree};
use std::collections::HashMap;
use std::fs::{self, DirEntry, File, FileType};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
#[cfg(unix)]
use {rustix::fs::OFlags, std::mem::MaybeUninit};

/// A folder, read on demand. Nothing outside of it is read, whatever links it holds, and nothing
/// that is no regular file is opened.
#[derive(Debug)]
pub struct FolderTree {
    /// The folder as the user or the search named it, for messages.
    shown: PathBuf,
    /// The folder itself, without links.
    root: PathBuf,
    /// What folders hold, each read once: hundreds of Dockerfiles may share one.
    lists: RwLock<HashMap<String, Arc<Entries>>>,
    /// Whether folders lie inside, links on the way to them followed.
    inside: Mutex<HashMap<PathBuf, bool>>,
}

/// Names in a folder, and what they are.
type Entries = [(String, EntryKind)];

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
            lists: RwLock::default(),
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
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        let entries = lists.get(folder)?;
        let at = entries.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        entries.get(at).map(|(_, kind)| *kind)
    }

    /// A regular file's content, `bytes` of it at most; none of one that has more than `limit`.
    fn content(&self, path: &str, bytes: u64, limit: u64) -> Option<Arc<[u8]>> {
        // What a list calls a file lies inside, and need not be looked at before it is opened.
        if let Some(EntryKind::File) = self.listed(path)
            && let Some(content) = read_in_place(&self.root, path, bytes, limit)
        {
            return Some(content);
        }
        let (file, length) = self.file(path)?;
        if length > limit {
            return None;
        }
        let length = length.min(bytes);
        let mut content = Vec::with_capacity(usize::try_from(length).ok()?);
        // What is written behind its end meanwhile does not count.
        file.take(length).read_to_end(&mut content).ok()?;
        Some(content.into())
    }

    /// A regular file, opened, and its length in bytes.
    fn file(&self, path: &str) -> Option<(File, u64)> {
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
        let file = open(&full).ok()?;
        let metadata = file.metadata().ok()?;
        metadata.is_file().then_some((file, metadata.len()))
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

/// Opens a file; where it has become a link meanwhile, it is not followed.
#[cfg(unix)]
fn open(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A pipe without a writer would wait for one.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = File::options();
    options.read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Elsewhere a link is told only by looking first.
#[cfg(not(unix))]
fn open(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

/// So much of a file is read at a time, in bytes; most sources are no longer.
#[cfg(unix)]
const ROOM: usize = 32 * 1024;

/// The same as `content` of a file that its list tells of, with as few questions to the kernel as
/// there can be, since thousands are read so; none where it takes more.
#[cfg(unix)]
fn read_in_place(root: &Path, path: &str, bytes: u64, limit: u64) -> Option<Arc<[u8]>> {
    let mut full = root.as_os_str().to_owned();
    full.push("/");
    full.push(path);
    let file = open(Path::new(&full)).ok()?;
    let mut room = [const { MaybeUninit::uninit() }; ROOM];
    let wanted = usize::try_from(bytes).map_or(ROOM, |bytes| bytes.min(ROOM));
    let (content, rest) = rustix::io::read(&file, room.get_mut(..wanted)?).ok()?;
    // Only nothing more is the end.
    let whole = !rest.is_empty() && rustix::io::read(&file, rest).ok()?.0.is_empty();
    let length = content.len() as u64;
    ((whole || length == bytes) && length <= limit).then(|| Arc::from(&*content))
}

/// Elsewhere every file is looked at first.
#[cfg(not(unix))]
fn read_in_place(_: &Path, _: &str, _: u64, _: u64) -> Option<Arc<[u8]>> {
    None
}

fn kind_of(kind: FileType) -> EntryKind {
    if kind.is_symlink() {
        EntryKind::Symlink
    } else if kind.is_dir() {
        EntryKind::Dir
    } else if kind.is_file() {
        EntryKind::File
    } else {
        EntryKind::Other
    }
}

impl Tree for FolderTree {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        let metadata = fs::symlink_metadata(self.resolve(path)?).ok()?;
        Some(kind_of(metadata.file_type()))
    }

    fn read(&self, path: &str, limit: u64) -> Option<Arc<[u8]>> {
        self.content(path, u64::MAX, limit)
    }

    fn head(&self, path: &str, bytes: usize) -> Option<Arc<[u8]>> {
        self.content(path, bytes as u64, u64::MAX)
    }

    fn length(&self, path: &str) -> Option<u64> {
        let metadata = fs::symlink_metadata(self.resolve(path)?).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    fn list(&self, path: &str) -> Vec<(String, EntryKind)> {
        let known = self
            .lists
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(path)
            .cloned();
        if let Some(known) = known {
            return known.to_vec();
        }
        let names = self.entries(path);
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        lists.insert(path.to_owned(), names.as_slice().into());
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
        let known = |entry: DirEntry| Some((entry.file_name().into_string().ok()?, kind_of(entry.file_type().ok()?)));
        let mut names: Vec<(String, EntryKind)> = entries.flatten().filter_map(known).collect();
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
        assert_eq!(tree.kind("sub/b"), Some(EntryKind::File));
        assert_eq!(tree.kind("gone"), None);
        assert_eq!(
            tree.list(""),
            [("a".into(), EntryKind::File), ("sub".into(), EntryKind::Dir)]
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
