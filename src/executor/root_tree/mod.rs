//! An image's root directory as a running container sees it: its layers merged, without unpacking
//! them.

mod folder;
mod read;
mod stream;
#[cfg(test)]
mod tests;

use super::archive::Time;
use super::cancel::Cancel;
use super::contents::{ImageContents, LayerSource};
use super::digest::Digest;
use super::error::Error;
use read::Spools;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

/// What something in an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, and what it says.
    Symlink(PathBuf),
    /// A character device: major and minor number.
    Character(u32, u32),
    /// A block device: major and minor number.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
}

/// Something in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Permissions, with setuid, setgid and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes, of a file.
    pub size: u64,
    /// When it was changed.
    pub mtime: Time,
    /// Of a file's content, where digests were asked for.
    pub sha256: Option<Digest>,
    /// The layer that it is from, counted from 0, the lowest.
    pub layer: usize,
    /// Names of one file have the same number; it means nothing beyond that.
    pub inode: u64,
    /// Extended attributes: capabilities, and what users set.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    place: Place,
}

/// Where a file's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Nowhere: it is no file.
    None,
    /// A file of its own.
    File(PathBuf),
    /// From this byte on in its layer's uncompressed stream.
    Stream(u64),
    /// In a sparse form, which begins there. Such files are rare, and are read with their layer.
    Sparse(u64),
}

/// What one layer adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerSum {
    /// Bytes of its regular files; a file of several names counts once.
    pub bytes: u64,
    /// Its files, directories, links and whiteouts.
    pub entries: u64,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether the contents' digests are wanted, for which everything is read.
    pub digests: bool,
}

/// An image's root directory.
#[derive(Debug)]
pub struct RootTree {
    nodes: BTreeMap<PathBuf, Node>,
    layers: Vec<LayerSum>,
    sources: Vec<LayerSource>,
    spools: Spools,
}

/// What an unpacked layer adds, without merging it with others.
///
/// # Errors
/// It cannot be read, or the caller asked for the end.
pub fn layer_sum(folder: &Path, cancel: &Cancel) -> Result<LayerSum, Error> {
    folder::sum(folder, cancel)
}

/// Links followed in one path, as in the kernel.
const LINKS: usize = 40;

impl RootTree {
    /// Merges an image's layers.
    ///
    /// # Errors
    /// A layer is broken ([`Error::Refused`]) or cannot be read, or the caller asked for the end.
    pub fn of(contents: &ImageContents, options: Options, cancel: &Cancel) -> Result<RootTree, Error> {
        let mut tree = Merge {
            nodes: BTreeMap::new(),
            layer: 0,
            inodes: 0,
        };
        tree.nodes.insert(PathBuf::from("/"), implied(0, 0));
        let mut layers = Vec::with_capacity(contents.layers.len());
        for (index, layer) in contents.layers.iter().enumerate() {
            cancel.check()?;
            tree.layer = index;
            let what = format!("layer {} of the image ({})", index + 1, layer.diff_id.short());
            let sum = match &layer.source {
                LayerSource::Folder(path) => folder::merge(&mut tree, path, options, cancel)?,
                source => stream::merge(&mut tree, source, &what, options, cancel)?,
            };
            layers.push(sum);
        }
        Ok(RootTree {
            nodes: tree.nodes,
            layers,
            sources: contents.layers.iter().map(|layer| layer.source.clone()).collect(),
            spools: Spools::new(contents.layers.len()),
        })
    }

    /// Everything in it, by absolute path, a directory before what is in it.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_path(), node))
    }

    /// How much there is.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing, not even a root.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What each layer adds, lowest first, hidden or not.
    pub fn layers(&self) -> &[LayerSum] {
        &self.layers
    }

    /// What is at an absolute path, links not followed.
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&Node> {
        self.nodes.get(path.as_ref())
    }

    /// What is in a directory, not deeper; links not followed.
    pub fn list(&self, directory: impl AsRef<Path>) -> impl Iterator<Item = (&Path, &Node)> {
        let directory = directory.as_ref().to_owned();
        let mut from = Bound::Excluded(directory.clone());
        std::iter::from_fn(move || {
            let (path, node) = self.nodes.range((from.clone(), Bound::Unbounded)).next()?;
            if !path.starts_with(&directory) {
                return None;
            }
            // Behind everything in it, before every longer name: one step, however much that is.
            let mut behind = path.clone().into_os_string();
            behind.push("\0");
            from = Bound::Included(PathBuf::from(behind));
            Some((path.as_path(), node))
        })
    }

    /// What a path leads to, all links followed, as inside of a container: its own path, and what it
    /// is. None where it leads nowhere or in a circle.
    pub fn resolve(&self, path: impl AsRef<Path>) -> Option<(PathBuf, &Node)> {
        let mut links = 0;
        let mut at = PathBuf::from("/");
        let mut todo: Vec<PathBuf> = parts(path.as_ref()).rev().collect();
        while let Some(part) = todo.pop() {
            if part.as_os_str() == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            match &self.nodes.get(&next)?.kind {
                NodeKind::Symlink(target) => {
                    links += 1;
                    if links > LINKS {
                        return None;
                    }
                    if target.has_root() {
                        at = PathBuf::from("/");
                    }
                    todo.extend(parts(target).rev());
                }
                NodeKind::Directory => at = next,
                _ if todo.is_empty() => at = next,
                _ => return None,
            }
        }
        let node = self.nodes.get(&at)?;
        Some((at, node))
    }

    /// The first bytes of a file, links followed. None where there is no such file.
    ///
    /// # Errors
    /// The layer cannot be read any more.
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.resolve(path) {
            Some((_, node)) if node.kind == NodeKind::File => self.content(node, limit).map(Some),
            _ => Ok(None),
        }
    }

    /// A file that stands alone on the disk, links not followed: in an unpacked layer. None for every
    /// other.
    pub fn open(&self, path: impl AsRef<Path>) -> Option<std::fs::File> {
        match &self.get(path)?.place {
            Place::File(path) => std::fs::File::open(path).ok(),
            Place::None | Place::Stream(_) | Place::Sparse(_) => None,
        }
    }

    fn content(&self, node: &Node, limit: u64) -> Result<Vec<u8>, Error> {
        let source = self.sources.get(node.layer);
        read::content(&self.spools, source, node, limit)
    }
}

fn parts(path: &Path) -> impl DoubleEndedIterator<Item = PathBuf> {
    path.components().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(PathBuf::from(part.as_os_str())),
        _ => None,
    })
}

/// A directory that no layer describes.
fn implied(layer: usize, inode: u64) -> Node {
    Node {
        kind: NodeKind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: Time::default(),
        sha256: None,
        layer,
        inode,
        xattrs: Vec::new(),
        place: Place::None,
    }
}

/// A tree that grows layer by layer.
struct Merge {
    nodes: BTreeMap<PathBuf, Node>,
    /// The layer that is being added.
    layer: usize,
    inodes: u64,
}

impl Merge {
    fn inode(&mut self) -> u64 {
        self.inodes += 1;
        self.inodes
    }

    /// Takes away what the layers below have in a directory.
    fn clear(&mut self, directory: &Path) {
        let layer = self.layer;
        self.remove(directory, |node| node.layer < layer);
    }

    /// Takes away what the layers below have at a path.
    fn hide(&mut self, path: &Path) {
        self.clear(path);
        if self.nodes.get(path).is_some_and(|node| node.layer < self.layer) {
            self.nodes.remove(path);
        }
    }

    fn remove(&mut self, directory: &Path, which: impl Fn(&Node) -> bool) {
        let gone: Vec<PathBuf> = self
            .nodes
            .range(directory.to_owned()..)
            .take_while(|(path, _)| path.starts_with(directory))
            .filter(|(path, node)| *path != directory && which(node))
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            self.nodes.remove(&path);
        }
    }

    fn insert(&mut self, path: PathBuf, node: Node) {
        if node.kind != NodeKind::Directory {
            if path == Path::new("/") {
                return;
            }
            if self.nodes.get(&path).is_some_and(|old| old.kind == NodeKind::Directory) {
                self.remove(&path, |_| true);
            }
        }
        self.nodes.insert(path, node);
    }

    /// The path at which a layer's entry ends up, its directories made where none describes them.
    /// A link of the same layer is followed; one of a layer below makes place for a directory.
    fn place(&mut self, components: &[&std::ffi::OsStr]) -> Option<PathBuf> {
        let Some((name, above)) = components.split_last() else {
            return Some(PathBuf::from("/"));
        };
        let mut at = PathBuf::from("/");
        let mut todo: Vec<PathBuf> = above.iter().rev().map(PathBuf::from).collect();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part.as_os_str() == ".." {
                if !at.pop() {
                    return None;
                }
                continue;
            }
            at.push(part);
            match self.nodes.get(&at) {
                Some(node) if node.kind == NodeKind::Directory => {}
                Some(Node {
                    kind: NodeKind::Symlink(target),
                    layer,
                    ..
                }) if *layer == self.layer => {
                    links += 1;
                    if links > LINKS {
                        return None;
                    }
                    let target = target.clone();
                    at.pop();
                    if target.has_root() {
                        at = PathBuf::from("/");
                    }
                    todo.extend(parts(&target).rev());
                }
                _ => {
                    let inode = self.inode();
                    let node = implied(self.layer, inode);
                    self.nodes.insert(at.clone(), node);
                }
            }
        }
        at.push(name);
        Some(at)
    }
}
