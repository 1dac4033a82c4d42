//! Snapshots where overlayfs cannot be used: the layers are copied together, and what a step changed
//! is found afterwards by comparing.
//!
//! Overlayfs refuses to write its changes on another overlay, which is what `/` is inside of most
//! containers, and needs Linux 5.11 without root. Files are cloned where the file system can do that
//! (the kernel shares their blocks), else copied byte by byte. They are never hardlinks into a
//! layer: an append through one would change the layer itself.
//!
//! Nothing runs in the trees while they are walked, and only real directories are entered, so paths
//! are safe here.

use super::attributes;
use super::layer::{Form, is_whiteout, make_whiteout};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, StatxFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What tells whether a file was touched: nothing in a sandbox can set the time of a change of its
/// inode.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    inode: u64,
    changed: (i64, u64),
    kind: FileType,
    mode: u32,
    owner: (u32, u32),
    modified: (i64, u64),
    /// When a directory was made, where the file system knows: a new one may get the inode of one
    /// that was removed.
    born: Option<(i64, u32)>,
}

impl Seen {
    fn at(path: &Path) -> Result<Seen, Errno> {
        let stat = look(path)?;
        let born = (kind(&stat) == FileType::Directory).then(|| born(path)).flatten();
        Ok(Seen {
            inode: stat.st_ino,
            changed: (stat.st_ctime, stat.st_ctime_nsec),
            kind: FileType::from_raw_mode(stat.st_mode),
            mode: stat.st_mode,
            owner: (stat.st_uid, stat.st_gid),
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            born,
        })
    }

    /// Whether both are the same directory, whatever was changed about it.
    fn same_directory(&self, other: &Seen) -> bool {
        let directories = self.kind == FileType::Directory && other.kind == FileType::Directory;
        directories && (self.inode, self.born) == (other.inode, other.born)
    }
}

fn born(path: &Path) -> Option<(i64, u32)> {
    let about = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BTIME).ok()?;
    let known = about.stx_mask & StatxFlags::BTIME.bits() != 0;
    known.then_some((about.stx_btime.tv_sec, about.stx_btime.tv_nsec))
}

/// What a merged tree held before a step.
#[derive(Debug)]
pub(super) struct Manifest {
    seen: HashMap<PathBuf, Seen>,
}

impl Manifest {
    /// What a tree holds now.
    pub fn of(root: &Path) -> io::Result<Manifest> {
        let mut seen = HashMap::new();
        let mut pending = vec![PathBuf::new()];
        while let Some(directory) = pending.pop() {
            for name in names(&root.join(&directory))? {
                let path = directory.join(name);
                let found = Seen::at(&root.join(&path))?;
                if found.kind == FileType::Directory {
                    pending.push(path.clone());
                }
                seen.insert(path, found);
            }
        }
        Ok(Manifest { seen })
    }
}

fn look(path: &Path) -> Result<Stat, Errno> {
    rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Copies layers, the lowest first, into the empty directory `root`.
pub(super) fn merge(lowers: &[PathBuf], root: &Path) -> io::Result<()> {
    for lower in lowers {
        let mut layer = Layer {
            from: lower,
            to: root,
            links: HashMap::new(),
            directories: Vec::new(),
        };
        layer.directory(Path::new(""))?;
        // The deepest first, because making a file in a directory changes its times.
        while let Some((path, stat)) = layer.directories.pop() {
            set_times(&root.join(path), &stat)?;
        }
    }
    Ok(())
}

/// One layer that is being copied.
struct Layer<'a> {
    from: &'a Path,
    to: &'a Path,
    /// Where a file of several names was copied to, by its inode.
    links: HashMap<u64, PathBuf>,
    directories: Vec<(PathBuf, Stat)>,
}

impl Layer<'_> {
    fn directory(&mut self, path: &Path) -> io::Result<()> {
        for name in names(&self.from.join(path))? {
            let path = path.join(name);
            let (from, to) = (self.from.join(&path), self.to.join(&path));
            let stat = look(&from)?;
            let there = look(&to).ok();
            if is_whiteout(&stat) {
                remove(&to, there.as_ref())?;
            } else if kind(&stat) == FileType::Directory {
                let opaque = is_opaque(&from)?;
                let stays = there.as_ref().is_some_and(|there| kind(there) == FileType::Directory) && !opaque;
                if !stays {
                    remove(&to, there.as_ref())?;
                    fs::create_dir(&to)?;
                }
                set_owner(&to, &stat)?;
                copy_attributes(&from, &to)?;
                self.directory(&path)?;
                self.directories.push((path, stat));
            } else {
                remove(&to, there.as_ref())?;
                self.file(&from, &to, &stat)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path, stat: &Stat) -> io::Result<()> {
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&stat.st_ino) {
                // Within one snapshot, never into a layer.
                return fs::hard_link(first, to);
            }
            self.links.insert(stat.st_ino, to.to_owned());
        }
        copy_file(from, to, stat)
    }
}

fn copy_file(from: &Path, to: &Path, stat: &Stat) -> io::Result<()> {
    match kind(stat) {
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let source = rustix::fs::open(from, flags, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let target = rustix::fs::open(to, flags, Mode::from_raw_mode(0o600))?;
            if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
                io::copy(&mut fs::File::from(source), &mut fs::File::from(target))?;
            }
        }
        FileType::Symlink => symlink(fs::read_link(from)?, to)?,
        _ => {
            let kind = kind(stat);
            match rustix::fs::mknodat(CWD, to, kind, Mode::from_raw_mode(stat.st_mode), stat.st_rdev) {
                // Without root there are no devices; a layer that has some is still of use.
                Err(Errno::PERM) => return Ok(()),
                other => other?,
            }
        }
    }
    set_owner(to, stat)?;
    copy_attributes(from, to)?;
    set_times(to, stat)
}

fn remove(path: &Path, there: Option<&Stat>) -> io::Result<()> {
    match there.map(kind) {
        None => Ok(()),
        Some(FileType::Directory) => fs::remove_dir_all(path),
        Some(_) => fs::remove_file(path),
    }
}

fn set_owner(path: &Path, stat: &Stat) -> io::Result<()> {
    let owner = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    rustix::fs::chownat(CWD, path, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW)?;
    if kind(stat) != FileType::Symlink {
        // After the owner: giving a file away takes its set-user-ID bit.
        rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(stat.st_mode & 0o7777), AtFlags::empty())?;
    }
    Ok(())
}

fn set_times(path: &Path, stat: &Stat) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: stat.st_atime as _,
            tv_nsec: stat.st_atime_nsec as _,
        },
        last_modification: Timespec {
            tv_sec: stat.st_mtime as _,
            tv_nsec: stat.st_mtime_nsec as _,
        },
    };
    Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn is_opaque(directory: &Path) -> io::Result<bool> {
    let mut value = [0; 4];
    Ok([Form::Trusted, Form::User].iter().any(|form| {
        rustix::fs::lgetxattr(directory, form.opaque(), &mut value)
            .is_ok_and(|length| value.get(..length) == Some(b"y"))
    }))
}

fn copy_attributes(from: &Path, to: &Path) -> io::Result<()> {
    let list = |names: &mut [u8]| rustix::fs::llistxattr(from, names);
    let get = |name: &OsStr, value: &mut [u8]| rustix::fs::lgetxattr(from, name, value);
    let keep = |name: &[u8]| !name.starts_with(b"trusted.") && !name.starts_with(b"user.overlay.");
    for (name, value) in attributes::read(list, get, keep)? {
        match rustix::fs::lsetxattr(to, OsStr::from_bytes(&name), &value, XattrFlags::empty()) {
            // `security.*` of the host's own policy belongs to the machine.
            Err(Errno::PERM | Errno::NOTSUP) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Moves what changed in `root` since `manifest` into the empty directory `upper`, in overlayfs' form.
/// `root` is of no use afterwards.
pub(super) fn changes(manifest: &Manifest, root: &Path, upper: &Path, form: Form) -> io::Result<()> {
    let difference = Difference {
        manifest,
        root,
        upper,
        form,
    };
    difference.deleted()?;
    difference.directory(Path::new(""))?;
    Ok(())
}

struct Difference<'a> {
    manifest: &'a Manifest,
    root: &'a Path,
    upper: &'a Path,
    form: Form,
}

impl Difference<'_> {
    /// Signs for what is gone from a directory that is still there.
    fn deleted(&self) -> io::Result<()> {
        for path in self.manifest.seen.keys() {
            let gone = matches!(look(&self.root.join(path)), Err(Errno::NOENT | Errno::NOTDIR));
            let parent = path.parent().unwrap_or(Path::new(""));
            if gone && self.same_directory(parent) {
                self.directories_to(parent)?;
                let sign = self.upper.join(path);
                make_whiteout(CWD, sign.as_os_str())?;
            }
        }
        Ok(())
    }

    /// Whether a directory is the one that was there before, and not a new one of that name.
    fn same_directory(&self, path: &Path) -> bool {
        if path.as_os_str().is_empty() {
            return true;
        }
        let Ok(now) = Seen::at(&self.root.join(path)) else {
            return false;
        };
        let same = self
            .manifest
            .seen
            .get(path)
            .is_some_and(|before| before.same_directory(&now));
        same && self.same_directory(path.parent().unwrap_or(Path::new("")))
    }

    /// Moves what changed below of a directory that is still the one it was.
    fn directory(&self, directory: &Path) -> io::Result<()> {
        for name in names(&self.root.join(directory))? {
            let path = directory.join(name);
            let now = Seen::at(&self.root.join(&path))?;
            let before = self.manifest.seen.get(&path);
            if before.is_some_and(|before| before.same_directory(&now)) {
                let changed = before.is_some_and(|before| {
                    (before.mode, before.owner, before.modified) != (now.mode, now.owner, now.modified)
                });
                if changed {
                    self.directories_to(&path)?;
                }
                self.directory(&path)?;
                if changed {
                    set_times(&self.upper.join(&path), &look(&self.root.join(&path))?)?;
                }
            } else if before != Some(&now) {
                self.directories_to(directory)?;
                fs::rename(self.root.join(&path), self.upper.join(&path))?;
                if now.kind == FileType::Directory && before.is_some() {
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let moved = rustix::fs::open(self.upper.join(&path), flags, Mode::empty())?;
                    self.form.mark_opaque(std::os::fd::AsFd::as_fd(&moved))?;
                }
            }
        }
        Ok(())
    }

    /// Makes a directory and those above it, as they are in the root.
    fn directories_to(&self, path: &Path) -> io::Result<()> {
        let to = self.upper.join(path);
        if path.as_os_str().is_empty() || look(&to).is_ok() {
            return Ok(());
        }
        self.directories_to(path.parent().unwrap_or(Path::new("")))?;
        let from = self.root.join(path);
        let stat = look(&from)?;
        fs::create_dir(&to)?;
        set_owner(&to, &stat)?;
        copy_attributes(&from, &to)?;
        set_times(&to, &stat)
    }
}
