//! A tree that exists only in memory.

use super::{EntryKind, Tree};
use crate::config::glob::clean;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Files by path, for tests, examples and editors. Folders exist where files lie in them.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    files: BTreeMap<String, Arc<[u8]>>,
}

impl Memory {
    /// A tree of these files. Paths are cleaned and taken relative to the root; a path that ends
    /// with `/` makes no file.
    pub fn new<P: AsRef<str>, C: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, C)>) -> Memory {
        let mut tree = Memory::default();
        for (path, content) in files {
            tree.insert(path.as_ref(), content.as_ref());
        }
        tree
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, path: &str, content: &[u8]) {
        let path = key(path);
        if !path.is_empty() {
            self.files.insert(path, Arc::from(content));
        }
    }

    /// The first file at or behind `from`.
    fn next(&self, from: &str) -> Option<&str> {
        let mut files = self.files.range::<str, _>((Bound::Included(from), Bound::Unbounded));
        files.next().map(|(path, _)| path.as_str())
    }
}

fn key(path: &str) -> String {
    let path = clean(&format!("/{path}"));
    path.trim_start_matches('/').to_owned()
}

impl Tree for Memory {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        let path = key(path);
        if path.is_empty() {
            return Some(EntryKind::Dir);
        }
        if self.files.contains_key(&path) {
            return Some(EntryKind::File);
        }
        let folder = format!("{path}/");
        self.next(&folder)
            .filter(|found| found.starts_with(&folder))
            .map(|_| EntryKind::Dir)
    }

    fn read(&self, path: &str, limit: u64) -> Option<Arc<[u8]>> {
        self.files
            .get(&key(path))
            .filter(|content| content.len() as u64 <= limit)
            .cloned()
    }

    fn length(&self, path: &str) -> Option<u64> {
        self.files.get(&key(path)).map(|content| content.len() as u64)
    }

    fn list(&self, path: &str) -> Vec<(String, EntryKind)> {
        let path = key(path);
        let prefix = if path.is_empty() { path } else { format!("{path}/") };
        let mut entries: Vec<(String, EntryKind)> = Vec::new();
        let mut from = prefix.clone();
        while let Some(found) = self.next(&from) {
            let Some(rest) = found.strip_prefix(&prefix) else {
                break;
            };
            match rest.split_once('/') {
                // `0` is the character behind `/`: all below this folder is left out.
                Some((name, _)) => {
                    from = format!("{prefix}{name}0");
                    entries.push((name.to_owned(), EntryKind::Dir));
                }
                None => {
                    from = format!("{found}\0");
                    entries.push((rest.to_owned(), EntryKind::File));
                }
            }
        }
        // `a.txt` lies before `a/b` in the map, but `a` before `a.txt` in a listing.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|a, b| a.0 == b.0);
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_where_files_are() {
        let tree = Memory::new([("a/b/c.txt", "12"), ("a.txt", ""), ("./a/0", "1"), ("/z", "")]);
        assert_eq!(tree.kind(""), Some(EntryKind::Dir));
        assert_eq!(tree.kind("a/b"), Some(EntryKind::Dir));
        assert_eq!(tree.kind("a/b/c.txt"), Some(EntryKind::File));
        assert_eq!((tree.length("a/b/c.txt"), tree.length("a/b")), (Some(2), None));
        assert_eq!(tree.kind("a/b/c"), None);
        let names = |path: &str| tree.list(path).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(""), ["a", "a.txt", "z"]);
        assert_eq!(names("a"), ["0", "b"]);
        assert!(names("z").is_empty() && names("nowhere").is_empty());
        assert!(tree.read("a/b/c.txt", 1).is_none() && tree.read("a/b/c.txt", 2).is_some());
    }
}
