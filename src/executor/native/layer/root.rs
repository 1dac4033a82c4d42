//! A directory that nothing leads out of.

use crate::executor::archive::{Bad, member_display as display};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

/// Links followed in one path, as in the kernel.
const LINKS: usize = 40;

/// The flags that open a directory itself and nothing that a link leads to.
const DIRECTORY: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Makes a directory in a directory.
pub type Make<'a> = &'a dyn Fn(BorrowedFd<'_>, &[u8]) -> Result<(), Errno>;

/// A directory as the root of paths.
#[derive(Debug)]
pub struct Root {
    top: Rc<OwnedFd>,
    /// The directory that was asked for last.
    last: Option<(Vec<Vec<u8>>, Rc<OwnedFd>)>,
}

/// What stands where something is to be made.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// This.
    Something(Box<Stat>),
}

/// What was wrong on the way.
#[derive(Debug)]
pub enum Lost {
    /// The archive's fault.
    Bad(Bad),
    /// The operating system's.
    Os(Errno),
}

impl From<Errno> for Lost {
    fn from(errno: Errno) -> Lost {
        Lost::Os(errno)
    }
}

impl From<Bad> for Lost {
    fn from(bad: Bad) -> Lost {
        Lost::Bad(bad)
    }
}

impl Root {
    /// Of an open directory.
    pub fn new(top: OwnedFd) -> Root {
        Root {
            top: Rc::new(top),
            last: None,
        }
    }

    /// The directory itself.
    pub fn top(&self) -> BorrowedFd<'_> {
        self.top.as_fd()
    }

    /// Forgets what it knows of the tree; to be called after something was removed from it.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// The directory of this path. Links that were there already are followed as long as they stay
    /// below the root; missing directories are made where `missing` is given, with what it gives.
    ///
    /// # Errors
    /// Something on the way is no directory, or leads out of the root.
    pub fn directory(&mut self, path: &[&[u8]], make: Option<Make<'_>>) -> Result<Rc<OwnedFd>, Lost> {
        if let Some((known, fd)) = &self.last
            && known.len() == path.len()
            && known.iter().zip(path).all(|(a, b)| a == b)
        {
            return Ok(fd.clone());
        }
        let fd = self.walk(path, make)?;
        self.last = Some((path.iter().map(|part| part.to_vec()).collect(), fd.clone()));
        Ok(fd)
    }

    fn walk(&self, path: &[&[u8]], make: Option<Make<'_>>) -> Result<Rc<OwnedFd>, Lost> {
        let shown = || display(&path.join(&b'/'));
        let mut stack = vec![self.top.clone()];
        let mut todo: VecDeque<Vec<u8>> = path.iter().map(|part| part.to_vec()).collect();
        // How many of the parts to come are a link's.
        let mut of_link = 0usize;
        let mut links = 0;
        while let Some(part) = todo.pop_front() {
            let in_link = of_link > 0;
            of_link = of_link.saturating_sub(1);
            let top = stack.last().unwrap_or(&self.top).clone();
            match part.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    if stack.len() < 2 {
                        return Err(Bad(format!("{} goes through a link that leads out of its root", shown())).into());
                    }
                    stack.pop();
                    continue;
                }
                _ => {}
            }
            let name = OsStr::from_bytes(&part);
            match rustix::fs::openat(&*top, name, DIRECTORY, Mode::empty()) {
                Ok(fd) => stack.push(Rc::new(fd)),
                Err(Errno::NOENT) => match make {
                    Some(make) if !in_link => {
                        make(top.as_fd(), &part)?;
                        stack.push(Rc::new(rustix::fs::openat(&*top, name, DIRECTORY, Mode::empty())?));
                    }
                    Some(_) | None if in_link => {
                        return Err(Bad(format!(
                            "{} goes through a link that leads nowhere below its root",
                            shown()
                        ))
                        .into());
                    }
                    _ => return Err(Errno::NOENT.into()),
                },
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    let Ok(target) = rustix::fs::readlinkat(&*top, name, Vec::new()) else {
                        let stat = rustix::fs::statat(&*top, name, AtFlags::SYMLINK_NOFOLLOW)?;
                        if super::is_whiteout(&stat)
                            && let Some(make) = make
                        {
                            // Deleted below, and made anew here.
                            rustix::fs::unlinkat(&*top, name, AtFlags::empty())?;
                            make(top.as_fd(), &part)?;
                            stack.push(Rc::new(rustix::fs::openat(&*top, name, DIRECTORY, Mode::empty())?));
                            continue;
                        }
                        return Err(Bad(format!(
                            "{} goes through {}, which is no directory",
                            shown(),
                            display(&part)
                        ))
                        .into());
                    };
                    links += 1;
                    if links > LINKS {
                        return Err(Bad(format!("{} goes through too many links", shown())).into());
                    }
                    let target = target.as_bytes();
                    if target.starts_with(b"/") {
                        stack.truncate(1);
                    }
                    for part in target.rsplit(|b| *b == b'/') {
                        todo.push_front(part.to_vec());
                        of_link += 1;
                    }
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(stack.pop().unwrap_or_else(|| self.top.clone()))
    }
}

/// What is at a name, not followed.
pub fn look(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Found, Errno> {
    match rustix::fs::statat(directory, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Found::Something(Box::new(stat))),
        Err(Errno::NOENT) => Ok(Found::Nothing),
        Err(errno) => Err(errno),
    }
}

/// Removes what is at a name, with everything in it; no error where nothing is.
///
/// # Errors
/// What the operating system says.
pub fn remove_tree(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let at = OsStr::from_bytes(name);
    match rustix::fs::unlinkat(directory, at, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // A directory is ISDIR on Linux; PERM is what POSIX says.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    // Directories deeper than the stack can hold are taken level by level.
    let mut open = vec![(open_directory(directory, name)?, name.to_vec())];
    while let Some((fd, _)) = open.last() {
        let mut deeper = None;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(fd)? {
            let entry = entry?;
            if !is_dots(entry.file_name()) {
                names.push((entry.file_name().to_bytes().to_vec(), entry.file_type()));
            }
        }
        for (name, kind) in names {
            let at = OsStr::from_bytes(&name);
            if kind != FileType::Directory {
                match rustix::fs::unlinkat(fd, at, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => continue,
                    Err(Errno::ISDIR) => {}
                    Err(errno) => return Err(errno),
                }
            }
            match rustix::fs::unlinkat(fd, at, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::NOTEMPTY | Errno::EXIST) => {
                    deeper = Some((open_directory(fd.as_fd(), &name)?, name));
                    break;
                }
                Err(errno) => return Err(errno),
            }
        }
        match deeper {
            Some(deeper) => open.push(deeper),
            None => {
                let Some((done, name)) = open.pop() else { break };
                drop(done);
                let parent = open.last().map_or(directory, |(fd, _)| fd.as_fd());
                match rustix::fs::unlinkat(parent, OsStr::from_bytes(&name), AtFlags::REMOVEDIR) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(errno) => return Err(errno),
                }
            }
        }
    }
    Ok(())
}

/// A directory to be read; made readable where its mode forbids that.
fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let at = OsStr::from_bytes(name);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::openat(parent, at, DIRECTORY, Mode::empty())?;
    let path = super::extract::proc_path(handle.as_fd());
    let stat = rustix::fs::fstat(&handle)?;
    if stat.st_mode & 0o700 != 0o700 {
        // Fails where it is not ours; then opening says so.
        let _ = rustix::fs::chmod(&path, Mode::from_raw_mode(stat.st_mode & 0o7777 | 0o700));
    }
    rustix::fs::openat(&handle, c".", flags, Mode::empty())
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}
