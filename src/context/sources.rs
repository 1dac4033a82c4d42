//! Sources of COPY and ADD: paths and patterns into a tree.

use super::{EntryKind, Tree};
use crate::config::glob::{Glob, clean};
use std::borrow::Cow;

/// A source as a path in the tree: relative to its root, cleaned, `..` kept inside; `""` is the root.
pub fn rooted(path: &str) -> Cow<'_, str> {
    // Most are so as they stand.
    if path.split('/').all(|name| !matches!(name, "" | "." | "..")) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(clean(&format!("/{path}")).trim_start_matches('/').to_owned())
}

/// Whether Go's matcher would see more than plain text in it.
pub fn has_wildcard(source: &str) -> bool {
    source.contains(['*', '?', '[', '\\'])
}

/// The path that a source names by itself; none for a pattern, a variable or something remote.
pub fn literal(source: &str) -> Option<String> {
    let remote = source.contains("://") || source.starts_with("git@") || source.starts_with("<<");
    (!remote && !has_wildcard(source) && !source.contains('$')).then(|| rooted(source).into_owned())
}

/// The entries that a source with Go's wildcards fits, sorted. Lists only folders whose names the
/// pattern fits so far; an entry is compared name by name. Empty for a malformed pattern.
pub fn expand(tree: &dyn Tree, pattern: &str) -> Vec<String> {
    let pattern = rooted(pattern);
    let mut found = vec![String::new()];
    let mut parts = pattern.split('/').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let Ok(glob) = Glob::go(part) else {
            return Vec::new();
        };
        let last = parts.peek().is_none();
        let mut next = Vec::new();
        for folder in &found {
            if let Some(name) = glob.as_literal() {
                let path = join(folder, name);
                // Only the whole path is probed; what is in between shows by that.
                if !last || tree.kind(&path).is_some() {
                    next.push(path);
                }
                continue;
            }
            for (name, kind) in tree.list(folder) {
                if glob.matches(&name) && (last || matches!(kind, EntryKind::Dir | EntryKind::Symlink)) {
                    next.push(join(folder, &name));
                }
            }
        }
        found = next;
    }
    found.sort();
    found
}

/// A name in a folder.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        // Asked for every file of a context.
        [folder, "/", name].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;
    use std::sync::{Arc, Mutex};

    /// Remembers which folders were listed.
    struct Watched(Memory, Mutex<Vec<String>>);

    impl Tree for Watched {
        fn kind(&self, path: &str) -> Option<EntryKind> {
            self.0.kind(path)
        }
        fn read(&self, path: &str, limit: u64) -> Option<Arc<[u8]>> {
            self.0.read(path, limit)
        }
        fn length(&self, path: &str) -> Option<u64> {
            self.0.length(path)
        }
        fn list(&self, path: &str) -> Vec<(String, EntryKind)> {
            self.1.lock().expect("lock").push(path.to_owned());
            self.0.list(path)
        }
    }

    #[test]
    fn only_the_folders_of_the_pattern_are_listed() {
        let files = [
            "package.json",
            "package-lock.json",
            "src/a.ts",
            "src/b/c.ts",
            "lib/a.js",
            "arr[0].txt",
        ];
        let tree = Watched(Memory::new(files.map(|f| (f, ""))), Mutex::default());
        let listed = || std::mem::take(&mut *tree.1.lock().expect("lock"));
        assert_eq!(expand(&tree, "package*.json"), ["package-lock.json", "package.json"]);
        assert_eq!(listed(), [""]);
        assert_eq!(expand(&tree, "./src/a.ts"), ["src/a.ts"]);
        assert_eq!(expand(&tree, "src"), ["src"]);
        assert!(expand(&tree, "src/nothing").is_empty());
        assert!(listed().is_empty());
        assert_eq!(expand(&tree, "/src/*.ts"), ["src/a.ts"]);
        assert_eq!(listed(), ["src"]);
        assert_eq!(expand(&tree, "*/a.*"), ["lib/a.js", "src/a.ts"]);
        assert_eq!(listed(), ["", "lib", "src"]);
        assert_eq!(expand(&tree, "arr[[]0].txt"), ["arr[0].txt"]);
        assert_eq!(expand(&tree, "."), [""]);
        assert!(expand(&tree, "src/[").is_empty());
    }

    #[test]
    fn literal_sources_are_told_from_others() {
        assert_eq!(literal("../a/./b/"), Some("a/b".to_owned()));
        assert_eq!(literal("."), Some(String::new()));
        for source in ["https://x.example/a", "git@host:a/b", "$A/b", "a*", "<<EOF"] {
            assert_eq!(literal(source), None, "{source}");
        }
    }
}
