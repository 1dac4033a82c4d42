//! The list of all files that a context sends.

use super::dockerignore::{FolderState, Ignore};
use super::sources::join;
use super::{EntryKind, Tree};
use rayon::prelude::*;

/// After so many entries, sent or not, a walk stops.
pub const ENTRY_CAP: usize = 20_000;

/// So many folders are listed side by side.
const AT_ONCE: usize = 64;

/// A file that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Relative to the context's root.
    pub path: String,
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
        let mut level = vec![(String::new(), FolderState::default())];
        while !level.is_empty() {
            let mut below = Vec::new();
            // Folders are listed side by side, and no more of them than the cap may need.
            for folders in level.chunks(AT_ONCE) {
                let lists: Vec<_> = folders.par_iter().map(|(folder, _)| tree.list(folder)).collect();
                for ((folder, state), list) in folders.iter().zip(lists) {
                    for (name, kind) in list {
                        seen += 1;
                        if seen > ENTRY_CAP {
                            listing.capped = true;
                            listing.sort();
                            return listing;
                        }
                        let path = join(folder, &name);
                        let (ignored, inside) = ignore.enter(&path, state);
                        let symlink = match kind {
                            EntryKind::Dir if !ignored || !ignore.prunes(&path) => {
                                below.push((path, inside));
                                continue;
                            }
                            EntryKind::File if !ignored => false,
                            EntryKind::Symlink if !ignored => true,
                            _ => continue,
                        };
                        listing.files.push(ListedFile { path, symlink });
                    }
                }
            }
            level = below;
        }
        listing.sort();
        listing
    }

    fn sort(&mut self) {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
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
        assert!(!listing.capped);
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
