//! A tree with a few more files in it: what a context will hold once they are written.

use super::{EntryKind, Memory, Tree};
use std::sync::Arc;

/// Files in memory over another tree; where both have a path, memory's counts.
pub struct Overlay {
    below: Arc<dyn Tree>,
    above: Memory,
}

impl Overlay {
    /// `above` over `below`.
    pub fn new(below: Arc<dyn Tree>, above: Memory) -> Overlay {
        Overlay { below, above }
    }
}

impl Tree for Overlay {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        self.above.kind(path).or_else(|| self.below.kind(path))
    }

    fn read(&self, path: &str, limit: u64) -> Option<Arc<[u8]>> {
        match self.above.kind(path) {
            Some(EntryKind::File) => self.above.read(path, limit),
            _ => self.below.read(path, limit),
        }
    }

    fn head(&self, path: &str, bytes: usize) -> Option<Arc<[u8]>> {
        match self.above.kind(path) {
            Some(EntryKind::File) => self.above.head(path, bytes),
            _ => self.below.head(path, bytes),
        }
    }

    fn length(&self, path: &str) -> Option<u64> {
        match self.above.kind(path) {
            Some(EntryKind::File) => self.above.length(path),
            _ => self.below.length(path),
        }
    }

    fn list(&self, path: &str) -> Vec<(String, EntryKind)> {
        let mut names = self.above.list(path);
        names.extend(self.below.list(path));
        // Stable, so that of one name the upper one comes first.
        names.sort_by(|a, b| a.0.cmp(&b.0));
        names.dedup_by(|b, a| a.0 == b.0);
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_tree_counts() {
        let below = Memory::new([("a/x", "1"), ("b", "22")]);
        let tree = Overlay::new(Arc::new(below), Memory::new([("a/y", "3"), ("b", "4444")]));
        assert_eq!(
            tree.list(""),
            [("a".to_owned(), EntryKind::Dir), ("b".to_owned(), EntryKind::File)]
        );
        assert_eq!(tree.list("a").len(), 2);
        assert_eq!((tree.length("a/x"), tree.length("b")), (Some(1), Some(4)));
        assert_eq!(tree.read("a/x", 9).as_deref(), Some(b"1".as_slice()));
        assert_eq!(tree.read("b", 9).as_deref(), Some(b"4444".as_slice()));
        assert_eq!((tree.kind("a"), tree.kind("c")), (Some(EntryKind::Dir), None));
    }
}
