//! Finding, or making, a path inside of a root that somebody else has filled.
//!
//! Every component is opened by itself without following links; a link's text is then walked inside
//! of the root, so neither `..` nor an absolute link nor one that changes meanwhile leads out of it.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

/// As the kernel: more links than this are a loop.
const MOST_LINKS: usize = 40;

/// What to make where a path does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Directory,
    File,
    Refuse,
}

/// Something made to mount on, to be taken away again.
pub(super) struct Stub {
    parent: OwnedFd,
    name: OsString,
    directory: bool,
    /// The parent's times before it was made, and after.
    before: Stat,
    after: Stat,
}

const HANDLE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A handle (O_PATH) on a directory of ours.
pub(super) fn handle(path: impl AsRef<Path>) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(CWD, path.as_ref(), HANDLE | OFlags::DIRECTORY, Mode::empty())
}

/// A handle (O_PATH) on `path` inside of `root`; what is made on the way goes to `stubs`.
pub(super) fn locate(
    root: BorrowedFd<'_>,
    path: &str,
    missing: Missing,
    stubs: &mut Vec<Stub>,
) -> Result<OwnedFd, Errno> {
    let mut directories = vec![root.try_clone_to_owned().map_err(|_| Errno::MFILE)?];
    let mut pending: VecDeque<OsString> = VecDeque::new();
    push(&mut pending, Path::new(path), true);
    let mut links = 0;
    while let Some(name) = pending.pop_front() {
        let Some(here) = directories.last() else {
            return Err(Errno::INVAL);
        };
        if name == ".." {
            // `..` of the root is the root.
            if directories.len() > 1 {
                directories.pop();
            }
            continue;
        }
        let next = match rustix::fs::openat(here, &name, HANDLE, Mode::empty()) {
            Err(Errno::NOENT) if missing != Missing::Refuse => {
                let directory = missing == Missing::Directory || !pending.is_empty();
                make(here.as_fd(), &name, directory, stubs)?
            }
            other => other?,
        };
        match FileType::from_raw_mode(rustix::fs::fstat(&next)?.st_mode) {
            FileType::Symlink => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::LOOP);
                }
                let text = rustix::fs::readlinkat(&next, c"", Vec::new())?;
                let text = OsString::from_vec(text.into_bytes());
                let text = Path::new(&text);
                if text.is_absolute() {
                    directories.truncate(1);
                }
                push(&mut pending, text, false);
            }
            FileType::Directory => directories.push(next),
            _ if pending.is_empty() => return Ok(next),
            _ => return Err(Errno::NOTDIR),
        }
    }
    directories.pop().ok_or(Errno::INVAL)
}

/// Puts a path's components before (or after) what is still to be walked.
fn push(pending: &mut VecDeque<OsString>, path: &Path, back: bool) {
    let components = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    if back {
        pending.extend(components);
    } else {
        let all: Vec<_> = components.collect();
        all.into_iter().rev().for_each(|name| pending.push_front(name));
    }
}

fn make(here: BorrowedFd<'_>, name: &OsString, directory: bool, stubs: &mut Vec<Stub>) -> Result<OwnedFd, Errno> {
    // A handle alone (O_PATH) cannot be used to set times.
    let parent = rustix::fs::openat(
        here,
        c".",
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let before = rustix::fs::fstat(&parent)?;
    if directory {
        rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
    } else {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644))?;
    }
    let made = rustix::fs::openat(&parent, name, HANDLE, Mode::empty())?;
    let after = rustix::fs::fstat(&parent)?;
    stubs.push(Stub {
        parent,
        name: name.clone(),
        directory,
        before,
        after,
    });
    Ok(made)
}

impl Stub {
    /// Unmounts what lies on it, takes it away if it is still empty, and gives its directory the time
    /// it had before if nothing else was changed in it.
    pub(super) fn remove(self) {
        // Relative to the working directory, because there is no `umountat`.
        if rustix::process::fchdir(&self.parent).is_err() {
            return;
        }
        let flags = rustix::mount::UnmountFlags::DETACH | rustix::mount::UnmountFlags::NOFOLLOW;
        while CString::new(self.name.clone().into_vec()).is_ok_and(|name| rustix::mount::unmount(name, flags).is_ok()) {
        }
        let now = rustix::fs::fstat(&self.parent);
        let removed = if self.directory {
            rustix::fs::unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR).is_ok()
        } else {
            let empty = rustix::fs::statat(&self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| stat.st_size == 0 && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
            empty && rustix::fs::unlinkat(&self.parent, &self.name, AtFlags::empty()).is_ok()
        };
        let untouched = now.is_ok_and(|now| mtime(&now) == mtime(&self.after));
        if removed && untouched {
            let times = Timestamps {
                last_access: Timespec {
                    tv_sec: self.before.st_atime as _,
                    tv_nsec: self.before.st_atime_nsec as _,
                },
                last_modification: Timespec {
                    tv_sec: self.before.st_mtime as _,
                    tv_nsec: self.before.st_mtime_nsec as _,
                },
            };
            // Only the looks of it are lost if this fails.
            let _ = rustix::fs::futimens(&self.parent, &times);
        }
    }
}

fn mtime(stat: &Stat) -> (i64, u64) {
    (stat.st_mtime, stat.st_mtime_nsec)
}
