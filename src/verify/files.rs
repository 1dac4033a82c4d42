//! An image's files, all layers merged, as verification looks at them.

use crate::executor::RootTree;
use crate::executor::root_tree::{Node as RootNode, NodeKind};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek};

/// What stands at a path. A symbolic link is itself, not what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file; its length in bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link, and where it leads.
    Link(String),
    /// A device, a pipe, a socket.
    Special,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with set-uid and its kin.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The layer that it comes from, counted from 0, lowest first.
    pub layer: usize,
}

impl Node {
    /// Whether anybody may execute it.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }

    /// Its length, where it is a regular file, else 0.
    pub fn bytes(&self) -> u64 {
        match self.kind {
            Kind::File(bytes) => bytes,
            _ => 0,
        }
    }
}

/// A file's content.
pub trait Content: Read + Seek {}

impl<T: Read + Seek> Content for T {}

/// Read access to an image's files. Paths are absolute and clean: `/`, `/usr/bin/env`.
pub trait Files {
    /// What stands at the path itself.
    fn node(&self, path: &str) -> Option<Node>;
    /// A regular file's content; none where it is none, or longer than `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> Option<Vec<u8>>;
    /// The same, to be read here and there: of large files little is looked at.
    fn open(&self, path: &str, limit: u64) -> Option<Box<dyn Content>> {
        let bytes = self.read(path, limit)?;
        Some(Box::new(Cursor::new(bytes)))
    }
    /// The names in a folder, sorted.
    fn names(&self, folder: &str) -> Vec<String>;
    /// Every entry but the root, in the order of the paths.
    fn each(&self, visit: &mut dyn FnMut(&str, &Node));
}

impl From<&RootNode> for Node {
    fn from(node: &RootNode) -> Node {
        Node {
            kind: match &node.kind {
                NodeKind::File => Kind::File(node.size),
                NodeKind::Directory => Kind::Folder,
                NodeKind::Symlink(target) => Kind::Link(target.to_string_lossy().into_owned()),
                NodeKind::Character(..) | NodeKind::Block(..) | NodeKind::Fifo => Kind::Special,
            },
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            layer: node.layer,
        }
    }
}

impl Files for RootTree {
    fn node(&self, path: &str) -> Option<Node> {
        self.get(path).filter(|_| path != "/").map(Node::from)
    }

    fn read(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        self.get(path)
            .filter(|node| node.kind == NodeKind::File && node.size <= limit)?;
        RootTree::read(self, path, limit).ok()?
    }

    fn open(&self, path: &str, limit: u64) -> Option<Box<dyn Content>> {
        let fits = |node: &&RootNode| node.kind == NodeKind::File && node.size <= limit;
        self.get(path).filter(fits)?;
        match RootTree::open(self, path) {
            Some(file) => Some(Box::new(file)),
            None => Some(Box::new(Cursor::new(Files::read(self, path, limit)?))),
        }
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let name = |path: &std::path::Path| Some(path.file_name()?.to_str()?.to_owned());
        self.list(folder).filter_map(|(path, _)| name(path)).collect()
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &Node)) {
        for (path, node) in self.iter().skip(1) {
            // A name that is no UTF-8 can be looked at by nobody here.
            if let Some(path) = path.to_str() {
                visit(path, &Node::from(node));
            }
        }
    }
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nowhere {
    /// Nothing stands there, or at a link's end.
    #[error("{0} does not exist")]
    Missing(String),
    /// Links in a circle, or more than forty of them.
    #[error("{0} is a link in a circle")]
    Circle(String),
}

/// `path` made absolute from `from`, without `.`, `..` and double slashes; nothing is followed.
pub fn clean(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let start = if path.starts_with('/') { "" } else { from };
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The folder that holds a clean path; the root's is the root.
pub fn parent(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => path.get(..at).unwrap_or("/"),
    }
}

/// Where a path leads in this image, all links followed, none of them out of it.
///
/// # Errors
/// It leads nowhere.
pub fn resolve(files: &dyn Files, path: &str) -> Result<(String, Node), Nowhere> {
    let mut links = 0;
    let mut left: Vec<String> = clean("/", path).split('/').rev().map(str::to_owned).collect();
    let mut at = String::from("/");
    let mut node = Node {
        kind: Kind::Folder,
        mode: 0o755,
        uid: 0,
        gid: 0,
        layer: 0,
    };
    while let Some(part) = left.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                at = parent(&at).to_owned();
                continue;
            }
            _ => {}
        }
        let next = clean(&at, &part);
        let Some(found) = files.node(&next) else {
            return Err(Nowhere::Missing(next));
        };
        if let Kind::Link(target) = &found.kind {
            links += 1;
            if links > 40 {
                return Err(Nowhere::Circle(path.to_owned()));
            }
            if target.starts_with('/') {
                at = String::from("/");
            }
            left.extend(target.split('/').rev().map(str::to_owned));
            continue;
        }
        at = next;
        node = found;
    }
    if at == "/" {
        return Ok((at, node));
    }
    match files.node(&at) {
        Some(node) => Ok((at, node)),
        None => Err(Nowhere::Missing(at)),
    }
}

/// Files in memory, for what has no image.
#[derive(Debug, Clone, Default)]
pub struct Memory(BTreeMap<String, (Node, Vec<u8>)>);

impl Memory {
    /// Adds a file, and the folders above it.
    pub fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> &mut Memory {
        let content = content.into();
        self.insert(path, Kind::File(content.len() as u64), mode, content)
    }

    /// Adds a symbolic link, and the folders above it.
    pub fn link(&mut self, path: &str, target: &str) -> &mut Memory {
        self.insert(path, Kind::Link(target.to_owned()), 0o777, Vec::new())
    }

    /// Adds a folder, and those above it.
    pub fn folder(&mut self, path: &str) -> &mut Memory {
        self.insert(path, Kind::Folder, 0o755, Vec::new())
    }

    fn insert(&mut self, path: &str, kind: Kind, mode: u32, content: Vec<u8>) -> &mut Memory {
        let node = |kind, mode| Node {
            kind,
            mode,
            uid: 0,
            gid: 0,
            layer: 0,
        };
        let path = clean("/", path);
        let mut above = parent(&path).to_owned();
        while above != "/" {
            self.0
                .entry(above.clone())
                .or_insert_with(|| (node(Kind::Folder, 0o755), Vec::new()));
            above = parent(&above).to_owned();
        }
        self.0.insert(path, (node(kind, mode), content));
        self
    }
}

impl Files for Memory {
    fn node(&self, path: &str) -> Option<Node> {
        self.0.get(path).map(|(node, _)| node.clone())
    }

    fn read(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let (node, content) = self.0.get(path)?;
        matches!(node.kind, Kind::File(bytes) if bytes <= limit).then(|| content.clone())
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = self.0.keys().filter(|path| parent(path) == folder);
        entries
            .filter_map(|path| Some(path.rsplit('/').next()?.to_owned()))
            .collect()
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &Node)) {
        for (path, (node, _)) in &self.0 {
            visit(path, node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_and_stay_inside() {
        let mut files = Memory::default();
        files
            .file("/usr/bin/sh", 0o755, "x")
            .link("/bin", "usr/bin")
            .link("/usr/bin/out", "../../../../etc/passwd")
            .file("/etc/passwd", 0o644, "root")
            .link("/a", "b")
            .link("/b", "a")
            .link("/gone", "/nowhere/at/all");
        assert_eq!(resolve(&files, "/bin/sh").unwrap().0, "/usr/bin/sh");
        assert_eq!(resolve(&files, "/bin/../bin/out").unwrap().0, "/etc/passwd");
        assert_eq!(resolve(&files, "/a"), Err(Nowhere::Circle("/a".into())));
        assert_eq!(resolve(&files, "/gone"), Err(Nowhere::Missing("/nowhere".into())));
        assert_eq!(resolve(&files, "/").unwrap().0, "/");
    }

    #[test]
    fn paths_are_cleaned() {
        assert_eq!(clean("/app", "./x/../y"), "/app/y");
        assert_eq!(clean("/app", "/x//y/"), "/x/y");
        assert_eq!(clean("/", "../.."), "/");
        assert_eq!((parent("/a/b"), parent("/a"), parent("/")), ("/a", "/", "/"));
    }
}
