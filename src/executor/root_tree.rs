//! An image's layers merged into the tree that a container sees.

use super::cancel::Cancel;
use super::contents::{ImageContents, LayerSource};
use super::error::Error;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bytes {
    /// In a part of a file: begin and length.
    Part(PathBuf, u64, u64),
    /// A file of its own.
    File(PathBuf),
    /// Nowhere that can be sought: its length is all that is known.
    Unknown,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKind {
    /// A regular file: its length in bytes, and where they are.
    File(u64, Bytes),
    /// A folder.
    Folder,
    /// A symbolic link, and where it leads.
    Link(String),
    /// A device, pipe or socket.
    Special,
}

/// An entry of the merged tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootNode {
    /// What it is.
    pub kind: RootKind,
    /// Permission bits, with set-uid and its kin.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// The layer that it comes from, counted from 0, lowest first.
    pub layer: usize,
}

/// The merged tree. Paths are absolute and clean; the root itself is no entry.
#[derive(Debug, Clone, Default)]
pub struct RootTree {
    nodes: BTreeMap<String, RootNode>,
}

impl RootTree {
    /// Merges the layers: what is above covers what is below, whiteouts take away, hard links are the
    /// file that they name.
    ///
    /// # Errors
    /// A layer cannot be read, or `cancel` asks for the end.
    pub fn of(contents: &ImageContents, cancel: &Cancel) -> Result<RootTree, Error> {
        let mut tree = RootTree::default();
        for (index, layer) in contents.layers.iter().enumerate() {
            cancel.check()?;
            match &layer.source {
                LayerSource::Tar(path) => {
                    let length = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
                    tree.add_tar(path, 0, length, index, cancel)?;
                }
                LayerSource::Part(path, start, length) => tree.add_tar(path, *start, *length, index, cancel)?,
                LayerSource::Folder(path) => tree.add_folder(path, index, cancel)?,
            }
        }
        Ok(tree)
    }

    /// What stands at a path itself.
    pub fn node(&self, path: &str) -> Option<&RootNode> {
        self.nodes.get(path)
    }

    /// Every entry, by path.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &RootNode)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The names in a folder, sorted.
    pub fn names<'t>(&'t self, folder: &str) -> Vec<&'t str> {
        let prefix = match folder {
            "/" => "/".to_owned(),
            folder => format!("{folder}/"),
        };
        let mut names = Vec::new();
        let mut from = prefix.clone();
        // What stands below an entry is passed over in one step, however much it is.
        while let Some((path, _)) = self.nodes.range(from.clone()..).next() {
            let Some(rest) = path.strip_prefix(&prefix) else { break };
            let name = rest.split('/').next().unwrap_or(rest);
            if name.len() == rest.len() {
                names.push(name);
                from = format!("{path}\0");
            } else {
                // `a/x` comes before the entry `a-b`, and its folder `a` came before both.
                from = format!("{prefix}{name}0");
            }
        }
        names
    }

    /// A regular file's content; none where it is none, longer than `limit` bytes, or unreadable.
    pub fn read(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let RootKind::File(length, bytes) = &self.nodes.get(path)?.kind else {
            return None;
        };
        if *length > limit {
            return None;
        }
        let mut content = Vec::with_capacity(usize::try_from(*length).ok()?);
        match bytes {
            Bytes::Part(file, start, length) => {
                let mut file = File::open(file).ok()?;
                file.seek(SeekFrom::Start(*start)).ok()?;
                file.take(*length).read_to_end(&mut content).ok()?;
            }
            Bytes::File(file) => {
                File::open(file).ok()?.take(limit).read_to_end(&mut content).ok()?;
            }
            Bytes::Unknown => return None,
        }
        (content.len() as u64 == *length).then_some(content)
    }

    fn remove(&mut self, path: &str, itself: bool) {
        if itself {
            self.nodes.remove(path);
        }
        let prefix = format!("{path}/");
        let below: Vec<String> = self
            .nodes
            .range(prefix.clone()..)
            .take_while(|(known, _)| known.starts_with(&prefix))
            .map(|(known, _)| known.clone())
            .collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    fn insert(&mut self, path: String, node: RootNode) {
        let was_folder = self.nodes.get(&path).is_some_and(|known| known.kind == RootKind::Folder);
        if was_folder && node.kind != RootKind::Folder {
            self.remove(&path, true);
        }
        self.nodes.insert(path, node);
    }

    fn add_tar(&mut self, path: &Path, start: u64, length: u64, layer: usize, cancel: &Cancel) -> Result<(), Error> {
        let failed = || Error::io("read", path);
        let mut file = File::open(path).map_err(failed())?;
        file.seek(SeekFrom::Start(start)).map_err(failed())?;
        let mut archive = tar::Archive::new(Window {
            file,
            start,
            length,
            at: 0,
        });
        // Whiteouts hide what is below this layer, never what it holds itself.
        let mut added: Vec<(String, RootNode)> = Vec::new();
        let mut links: Vec<(String, String)> = Vec::new();
        for entry in archive.entries_with_seek().map_err(failed())? {
            cancel.check()?;
            let entry = entry.map_err(failed())?;
            let name = clean(&String::from_utf8_lossy(&entry.path_bytes()));
            if name == "/" {
                continue;
            }
            let (folder, last) = name.rsplit_once('/').unwrap_or(("", &name));
            if last == ".wh..wh..opq" {
                self.remove(folder, false);
                continue;
            }
            if let Some(hidden) = last.strip_prefix(".wh.") {
                self.remove(&format!("{folder}/{hidden}"), true);
                continue;
            }
            let header = entry.header();
            let target = || {
                let target = entry.link_name_bytes().unwrap_or_default();
                String::from_utf8_lossy(&target).into_owned()
            };
            let kind = match header.entry_type() {
                tar::EntryType::Link => {
                    links.push((name, clean(&target())));
                    continue;
                }
                tar::EntryType::Symlink => RootKind::Link(target()),
                tar::EntryType::Directory => RootKind::Folder,
                kind if kind.is_file() => {
                    let begin = start + entry.raw_file_position();
                    RootKind::File(entry.size(), Bytes::Part(path.to_owned(), begin, entry.size()))
                }
                _ => RootKind::Special,
            };
            let node = RootNode {
                kind,
                mode: header.mode().map_err(failed())? & 0o7777,
                uid: u32::try_from(header.uid().map_err(failed())?).unwrap_or(u32::MAX),
                gid: u32::try_from(header.gid().map_err(failed())?).unwrap_or(u32::MAX),
                mtime: header.mtime().map_err(failed())?.cast_signed(),
                layer,
            };
            added.push((name, node));
        }
        for (path, node) in added {
            self.insert(path, node);
        }
        for (name, target) in links {
            if let Some(node) = self.nodes.get(&target).cloned() {
                self.insert(name, RootNode { layer, ..node });
            }
        }
        Ok(())
    }

    /// An unpacked layer with whiteouts as overlayfs has them.
    #[cfg(unix)]
    fn add_folder(&mut self, root: &Path, layer: usize, cancel: &Cancel) -> Result<(), Error> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let mut left = vec![String::new()];
        while let Some(folder) = left.pop() {
            cancel.check()?;
            let here = root.join(folder.trim_start_matches('/'));
            for entry in std::fs::read_dir(&here).map_err(Error::io("read", &here))? {
                let entry = entry.map_err(Error::io("read", &here))?;
                let path = entry.path();
                let metadata = entry.metadata().map_err(Error::io("read", &path))?;
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                let kind = metadata.file_type();
                if kind.is_char_device() && metadata.rdev() == 0 {
                    self.remove(&name, true);
                    continue;
                }
                let kind = if kind.is_symlink() {
                    let target = std::fs::read_link(&path).map_err(Error::io("read", &path))?;
                    RootKind::Link(target.to_string_lossy().into_owned())
                } else if kind.is_dir() {
                    if is_opaque(&path) {
                        self.remove(&name, false);
                    }
                    left.push(name.clone());
                    RootKind::Folder
                } else if kind.is_file() {
                    RootKind::File(metadata.len(), Bytes::File(path))
                } else {
                    RootKind::Special
                };
                let node = RootNode {
                    kind,
                    mode: metadata.mode() & 0o7777,
                    uid: metadata.uid(),
                    gid: metadata.gid(),
                    mtime: metadata.mtime(),
                    layer,
                };
                self.insert(name, node);
            }
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn add_folder(&mut self, root: &Path, _: usize, _: &Cancel) -> Result<(), Error> {
        Err(Error::io("read", root)(io::ErrorKind::Unsupported.into()))
    }
}

/// Whether a folder of an overlay hides what is below it.
#[cfg(target_os = "linux")]
fn is_opaque(path: &Path) -> bool {
    ["trusted.overlay.opaque", "user.overlay.opaque"].iter().any(|name| {
        let mut value = [0; 1];
        rustix::fs::lgetxattr(path, *name, &mut value).is_ok() && value == *b"y"
    })
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_opaque(_: &Path) -> bool {
    false
}

/// A name in an archive as a path: absolute, without `.` and `..`.
fn clean(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
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

/// A part of a file as a stream in which one can seek.
struct Window {
    file: File,
    start: u64,
    length: u64,
    at: u64,
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.at).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let n = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::Current(n) => self.at.checked_add_signed(n),
            SeekFrom::End(n) => self.length.checked_add_signed(n),
        };
        let Some(target) = target.filter(|n| *n <= self.length) else {
            return Err(io::Error::other("the layer is cut off"));
        };
        self.file.seek(SeekFrom::Start(self.start + target))?;
        self.at = target;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::{Digest, ImageConfig, LayerContents};

    fn layer(folder: &Path, name: &str, fill: impl FnOnce(&mut tar::Builder<File>)) -> LayerContents {
        let path = folder.join(name);
        let mut builder = tar::Builder::new(File::create(&path).unwrap());
        fill(&mut builder);
        builder.into_inner().unwrap();
        LayerContents {
            diff_id: Digest::from_bytes(&[7; 32]),
            created_by: None,
            unpacked_bytes: 0,
            compressed_bytes: None,
            source: LayerSource::Tar(path),
        }
    }

    fn entry(builder: &mut tar::Builder<File>, path: &str, kind: tar::EntryType, content: &str) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o640);
        if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
            header.set_size(0);
            builder.append_link(&mut header, path, content).unwrap();
        } else {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
    }

    #[test]
    fn layers_are_merged() {
        use tar::EntryType as T;
        let folder = tempfile::tempdir().unwrap();
        let lower = layer(folder.path(), "lower", |tar| {
            entry(tar, "app/", T::Directory, "");
            entry(tar, "app/a", T::Regular, "one");
            entry(tar, "app/b", T::Regular, "two");
            entry(tar, "app-data", T::Regular, "x");
            entry(tar, "data/", T::Directory, "");
            entry(tar, "data/old", T::Regular, "old");
        });
        let upper = layer(folder.path(), "upper", |tar| {
            entry(tar, "app/.wh.b", T::Regular, "");
            entry(tar, "app/a", T::Regular, "three");
            entry(tar, "app/c", T::Link, "app/a");
            entry(tar, "app/s", T::Symlink, "a");
            entry(tar, "data/new", T::Regular, "new");
            entry(tar, "data/.wh..wh..opq", T::Regular, "");
        });
        let contents = ImageContents {
            config: ImageConfig::default(),
            layers: vec![lower, upper],
            keep: None,
        };
        let tree = RootTree::of(&contents, &Cancel::new()).unwrap();
        let paths: Vec<&str> = tree.nodes().map(|(path, _)| path).collect();
        assert_eq!(
            paths,
            ["/app", "/app-data", "/app/a", "/app/c", "/app/s", "/data", "/data/new"]
        );
        assert_eq!(tree.read("/app/a", 100).unwrap(), b"three");
        assert_eq!(tree.read("/app/c", 100).unwrap(), b"three");
        assert_eq!(tree.read("/app/a", 3), None);
        assert_eq!(tree.node("/app/s").unwrap().kind, RootKind::Link("a".into()));
        assert_eq!(tree.node("/app/a").unwrap().mode, 0o640);
        assert_eq!(tree.node("/data").unwrap().layer, 0);
        assert_eq!(tree.names("/app"), ["a", "c", "s"]);
        assert_eq!(tree.names("/"), ["app", "app-data", "data"]);
    }
}
