//! The build context: which files a build could copy. A [`Tree`] gives names and contents; where
//! they come from (a folder, memory, an editor's buffers) is its owner's business.

use std::sync::Arc;

/// A file or folder in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, with its length in bytes.
    File(u64),
    /// A folder.
    Dir,
    /// A symbolic link; it is not followed out of the tree.
    Symlink,
    /// A device, socket or pipe.
    Other,
}

/// Read access to a folder. Paths are relative to its root, with `/` between names; `""` is the root.
pub trait Tree: Send + Sync {
    /// What `path` is; none where nothing is there or it may not be looked at.
    fn kind(&self, path: &str) -> Option<EntryKind>;
    /// A file's content; none where it is missing, unreadable or larger than `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> Option<Arc<[u8]>>;
    /// The names in a folder, sorted; empty where it is none.
    fn list(&self, path: &str) -> Vec<(String, EntryKind)>;
}
