//! The list of all files that a context sends.

use super::dockerignore::{FolderState, Ignore};
use super::sources::join;
use super::{EntryKind, Tree};
use std::collections::VecDeque;

/// After so many entries, sent or not, a walk stops.
pub const ENTRY_CAP: usize = 20_000;

/// A file that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Relative to the context's root.
    pub path: String,
    /// In bytes; 0 for symbolic links.
    pub size: u64,
    /// A symbolic link; it is sent as such.
    pub symlink: bool,
}

/// The files that a context sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by path.
    pub files: Vec<ListedFile>,
    /// The walk stopped at [`ENTRY_CAP`]: files are missing here, the deepest first.
    pub capped: bool,
}

impl Listing {
    /// Walks a tree, level by level. Symbolic links are not followed; folders below which nothing
    /// can be sent are not listed; pipes, sockets and devices are left out as Docker does.
    pub fn of(tree: &dyn Tree, ignore: &Ignore) -> Listing {
        let mut listing = Listing::default();
        let mut seen = 0;
        let mut folders = VecDeque::from([(String::new(), FolderState::default())]);
        while let Some((folder, state)) = folders.pop_front() {
            for (name, kind) in tree.list(&folder) {
                seen += 1;
                if seen > ENTRY_CAP {
                    listing.capped = true;
                    listing.sort();
                    return listing;
                }
                let path = join(&folder, &name);
                let (ignored, below) = ignore.enter(&path, &state);
                match kind {
                    EntryKind::Dir if !ignored || !ignore.prunes(&path) => folders.push_back((path, below)),
                    EntryKind::File(size) if !ignored => {
                        listing.files.push(ListedFile {
                            path,
                            size,
                            symlink: false,
                        });
                    }
                    EntryKind::Symlink if !ignored => {
                        listing.files.push(ListedFile {
                            path,
                            size: 0,
                            symlink: true,
                        });
                    }
                    _ => {}
                }
            }
        }
        listing.sort();
        listing
    }

    fn sort(&mut self) {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Sum of the sizes, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// The file at this path, where it is sent.
    pub fn get(&self, path: &str) -> Option<&ListedFile> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(at)
    }

    /// The files in a folder and below; `""` is the root.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = &ListedFile> {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{}/", folder.trim_end_matches('/'))
        };
        let start = self.files.partition_point(|file| file.path.as_str() < prefix.as_str());
        let rest = self.files.get(start..).unwrap_or_default();
        rest.iter().take_while(move |file| file.path.starts_with(&prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;

    #[test]
    fn what_is_ignored_is_left_out() {
        let tree = Memory::new([("a/b", "xy"), ("a/c", "z"), ("node_modules/m/i.js", ""), ("top", "1")]);
        let listing = Listing::of(&tree, &Ignore::parse("node_modules\na\n!a/b"));
        let paths: Vec<_> = listing.files.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["a/b", "top"]);
        assert_eq!((listing.bytes(), listing.capped), (3, false));
        assert!(listing.get("top").is_some() && listing.get("a/c").is_none());
        assert_eq!(listing.below("a").count(), 1);
        assert_eq!(listing.below("").count(), 2);
    }

    #[test]
    fn a_large_tree_is_cut_and_said_so() {
        let tree = Memory::new((0..ENTRY_CAP + 5).map(|n| (format!("f{n:06}"), "")));
        let listing = Listing::of(&tree, &Ignore::default());
        assert!(listing.capped);
        assert_eq!(listing.files.len(), ENTRY_CAP);
    }
}
