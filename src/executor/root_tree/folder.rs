//! A layer that the native engine has unpacked.

#[cfg(not(target_os = "linux"))]
pub(super) fn merge(
    _: &mut super::Merge,
    folder: &std::path::Path,
    _: super::Options,
    _: &crate::executor::cancel::Cancel,
) -> Result<super::LayerSum, crate::executor::error::Error> {
    Err(crate::executor::error::Error::io("read", folder)(
        std::io::Error::other("unpacked layers exist on Linux only"),
    ))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sum(
    folder: &std::path::Path,
    _: &crate::executor::cancel::Cancel,
) -> Result<super::LayerSum, crate::executor::error::Error> {
    Err(crate::executor::error::Error::io("read", folder)(
        std::io::Error::other("unpacked layers exist on Linux only"),
    ))
}

#[cfg(target_os = "linux")]
pub(super) use linux::{merge, sum};

#[cfg(target_os = "linux")]
mod linux {
    use super::super::{LayerSum, Merge, Node, NodeKind, Options, Place};
    use crate::executor::archive::Time;
    use crate::executor::cancel::Cancel;
    use crate::executor::digest::Digest;
    use crate::executor::error::Error;
    use crate::executor::native::attributes;
    use crate::executor::native::layer::is_whiteout;
    use rayon::prelude::*;
    use rustix::fs::{AtFlags, CWD, FileType, Stat};
    use sha2::Digest as _;
    use std::collections::{HashMap, HashSet};
    use std::ffi::OsStr;
    use std::fs::{self, File};
    use std::io::{self, Read};
    use std::path::{Path, PathBuf};

    pub(in super::super) fn merge(
        tree: &mut Merge,
        folder: &Path,
        options: Options,
        cancel: &Cancel,
    ) -> Result<LayerSum, Error> {
        let mut walk = Walk {
            tree,
            sum: LayerSum::default(),
            inodes: HashMap::new(),
            files: Vec::new(),
        };
        let stat = stat(folder)?;
        walk.describe(folder, Path::new("/"), &stat)?;
        // Directories still to be read: where they are, and where they are in the image.
        let mut todo = vec![(folder.to_owned(), PathBuf::from("/"))];
        while let Some((from, to)) = todo.pop() {
            cancel.check()?;
            if is_opaque(&from) {
                walk.tree.clear(&to);
            }
            for entry in fs::read_dir(&from).map_err(Error::io("read", &from))? {
                let entry = entry.map_err(Error::io("read", &from))?;
                let (path, place) = (entry.path(), to.join(entry.file_name()));
                let stat = self::stat(&path)?;
                if walk.describe(&path, &place, &stat)? {
                    todo.push((path, place));
                }
            }
        }
        let (sum, files) = (walk.sum, walk.files);
        if options.digests {
            let digests: Vec<Result<Digest, Error>> = files
                .par_iter()
                .map(|(path, _)| {
                    cancel.check()?;
                    digest(path).map_err(Error::io("read", path))
                })
                .collect();
            let mut by_inode = HashMap::new();
            for ((_, inode), digest) in files.iter().zip(digests) {
                by_inode.insert(*inode, digest?);
            }
            for node in tree.nodes.values_mut() {
                if node.layer == tree.layer && node.kind == NodeKind::File {
                    node.sha256 = by_inode.get(&node.inode).cloned();
                }
            }
        }
        Ok(sum)
    }

    pub(in super::super) fn sum(folder: &Path, cancel: &Cancel) -> Result<LayerSum, Error> {
        let mut sum = LayerSum::default();
        let mut seen = HashSet::new();
        let mut todo = vec![folder.to_owned()];
        while let Some(from) = todo.pop() {
            cancel.check()?;
            for entry in fs::read_dir(&from).map_err(Error::io("read", &from))? {
                let path = entry.map_err(Error::io("read", &from))?.path();
                let stat = stat(&path)?;
                sum.entries += 1;
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory => todo.push(path),
                    FileType::RegularFile if stat.st_nlink == 1 || seen.insert((stat.st_dev, stat.st_ino)) => {
                        sum.bytes += u64::try_from(stat.st_size).unwrap_or(0);
                    }
                    _ => {}
                }
            }
        }
        Ok(sum)
    }

    struct Walk<'a> {
        tree: &'a mut Merge,
        sum: LayerSum,
        /// Numbers of files that have several names.
        inodes: HashMap<(u64, u64), u64>,
        /// Each file once, with its number.
        files: Vec<(PathBuf, u64)>,
    }

    impl Walk<'_> {
        /// Puts something into the tree; whether it is a directory.
        fn describe(&mut self, path: &Path, place: &Path, stat: &Stat) -> Result<bool, Error> {
            let raw = FileType::from_raw_mode(stat.st_mode);
            self.sum.entries += 1;
            let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
            let kind = match raw {
                FileType::RegularFile => NodeKind::File,
                FileType::Directory => NodeKind::Directory,
                FileType::Symlink => NodeKind::Symlink(fs::read_link(path).map_err(Error::io("read", path))?),
                FileType::CharacterDevice if is_whiteout(stat) => {
                    self.tree.hide(place);
                    return Ok(false);
                }
                FileType::CharacterDevice => NodeKind::Character(device.0, device.1),
                FileType::BlockDevice => NodeKind::Block(device.0, device.1),
                FileType::Fifo => NodeKind::Fifo,
                // A socket is no part of a layer.
                _ => return Ok(false),
            };
            let mut is_first = true;
            let inode = if stat.st_nlink > 1 && kind != NodeKind::Directory {
                match self.inodes.get(&(stat.st_dev, stat.st_ino)) {
                    Some(inode) => {
                        is_first = false;
                        *inode
                    }
                    None => {
                        let inode = self.tree.inode();
                        self.inodes.insert((stat.st_dev, stat.st_ino), inode);
                        inode
                    }
                }
            } else {
                self.tree.inode()
            };
            let is_file = kind == NodeKind::File;
            let is_directory = kind == NodeKind::Directory;
            let size = if is_file {
                u64::try_from(stat.st_size).unwrap_or(0)
            } else {
                0
            };
            if is_file && is_first {
                self.sum.bytes += size;
                self.files.push((path.to_owned(), inode));
            }
            let node = Node {
                mode: stat.st_mode & 0o7777,
                uid: stat.st_uid,
                gid: stat.st_gid,
                size,
                mtime: Time {
                    seconds: stat.st_mtime,
                    nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
                },
                sha256: None,
                layer: self.tree.layer,
                inode,
                xattrs: if is_file || is_directory {
                    xattrs(path)
                } else {
                    Vec::new()
                },
                place: if is_file {
                    Place::File(path.to_owned())
                } else {
                    Place::None
                },
                kind,
            };
            self.tree.insert(place.to_owned(), node);
            Ok(is_directory)
        }
    }

    fn stat(path: &Path) -> Result<Stat, Error> {
        rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| Error::io("look at", path)(errno.into()))
    }

    fn is_opaque(path: &Path) -> bool {
        let mut value = [0u8; 4];
        ["trusted.overlay.opaque", "user.overlay.opaque"].iter().any(|name| {
            rustix::fs::lgetxattr(path, *name, &mut value).is_ok_and(|length| value.get(..length) == Some(b"y"))
        })
    }

    fn xattrs(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
        let list = |names: &mut [u8]| rustix::fs::llistxattr(path, names);
        let get = |name: &OsStr, value: &mut [u8]| rustix::fs::lgetxattr(path, name, value);
        attributes::read(list, get, attributes::is_of_layer).unwrap_or_default()
    }

    fn digest(path: &Path) -> io::Result<Digest> {
        let mut file = File::open(path)?;
        let mut hash = sha2::Sha256::new();
        let mut buffer = vec![0; 128 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Digest::from_bytes(&hash.finalize().into())),
                read => hash.update(buffer.get(..read).unwrap_or_default()),
            }
        }
    }
}
