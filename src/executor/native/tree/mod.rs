//! Files of stages, images and contexts as COPY sees them: below a root that no link leads out of.

mod copy;
mod digest;
mod merged;
mod mode;
mod pattern;
mod walk;

pub use copy::{Copier, CopyError, Outcome};
pub use digest::digest;
pub use merged::{is_no_overlay, merged};
pub use mode::Chmod;
pub use pattern::{PatternError, matches};
pub use walk::{Filter, Selection};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Links followed in one path, as in the kernel.
const LINKS: usize = 40;

/// The parts of a path below a root, links followed.
pub type Parts = Vec<OsString>;

/// A directory as the root of paths.
#[derive(Debug)]
pub struct Rooted(OwnedFd);

impl Rooted {
    /// Of an open directory, or of a mount.
    pub fn new(top: OwnedFd) -> Rooted {
        Rooted(top)
    }

    /// Of a folder of the host; links on the way to it are followed.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Rooted, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Rooted(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// The directory itself.
    pub fn top(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Takes a path apart and follows the links in it, which never lead out. What is not there stays
    /// as it is written. The last part's link is followed where `last` says so.
    ///
    /// # Errors
    /// Too many links, or no permission.
    pub fn follow(&self, path: &[u8], last: bool) -> Result<Parts, Errno> {
        let mut todo: VecDeque<OsString> = split(path).map(OsStr::to_owned).collect();
        let mut done: Parts = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop_front() {
            match part.as_bytes() {
                b"." => continue,
                b".." => {
                    done.pop();
                    continue;
                }
                _ => {}
            }
            if todo.is_empty() && !last {
                done.push(part);
                break;
            }
            done.push(part);
            let target = match self.parent(&done) {
                Ok((parent, name)) => rustix::fs::readlinkat(&parent, name, Vec::new()),
                Err(errno) => Err(errno),
            };
            match target {
                Ok(target) => {
                    links += 1;
                    if links > LINKS {
                        return Err(Errno::LOOP);
                    }
                    done.pop();
                    let target = target.as_bytes();
                    if target.starts_with(b"/") {
                        done.clear();
                    }
                    for part in split(target).collect::<Vec<_>>().into_iter().rev() {
                        todo.push_front(part.to_owned());
                    }
                }
                // No link, or nothing.
                Err(Errno::INVAL | Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }

    /// A directory by its parts, among which there is no link.
    ///
    /// # Errors
    /// It is not there, or no directory.
    pub fn directory(&self, parts: &[OsString]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.open_parts(parts, flags)
    }

    fn open_parts(&self, parts: &[OsString], flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut path: Vec<u8> = b".".to_vec();
        for part in parts {
            path.push(b'/');
            path.extend_from_slice(part.as_bytes());
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        loop {
            let opened = rustix::fs::openat2(&self.0, OsStr::from_bytes(&path), flags, Mode::empty(), resolve);
            match opened {
                // Something was renamed at the same time.
                Err(Errno::AGAIN | Errno::INTR) => {}
                opened => return opened,
            }
        }
    }

    /// The directory that something is in, and its name there.
    ///
    /// # Errors
    /// The directory is not there.
    pub fn parent<'p>(&self, parts: &'p [OsString]) -> Result<(OwnedFd, &'p OsStr), Errno> {
        match parts.split_last() {
            // Whatever gave the name: it must not lead elsewhere.
            Some((name, _)) if !is_plain(name) => Err(Errno::INVAL),
            Some((name, above)) => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                Ok((self.open_parts(above, flags)?, name))
            }
            None => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                Ok((
                    rustix::fs::openat(&self.0, c".", flags, Mode::empty())?,
                    OsStr::new("."),
                ))
            }
        }
    }

    /// What is there, a link in the last part not followed; none where nothing is.
    ///
    /// # Errors
    /// No permission.
    pub fn look(&self, parts: &[OsString]) -> Result<Option<Stat>, Errno> {
        let found = self
            .parent(parts)
            .and_then(|(parent, name)| rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW));
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// A regular file by its parts, to be read; none where there is none.
    pub fn file(&self, parts: &[OsString]) -> Option<OwnedFd> {
        let (parent, name) = self.parent(parts).ok()?;
        open_file(parent.as_fd(), name).ok()
    }

    /// A regular file's content, links followed, at most `limit` bytes; none where there is none.
    pub fn read(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        use std::io::Read;
        let parts = self.follow(path.as_bytes(), true).ok()?;
        let (parent, name) = self.parent(&parts).ok()?;
        let file = open_file(parent.as_fd(), name).ok()?;
        let mut bytes = Vec::new();
        std::fs::File::from(file).take(limit).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// Whether this is the name of something in a directory: no way to another one.
pub fn is_plain(name: &OsStr) -> bool {
    let name = name.as_bytes();
    !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
}

/// A regular file to be read.
fn open_file(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    // A pipe would block.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    match kind(&rustix::fs::fstat(&file)?) {
        FileType::RegularFile => Ok(file),
        _ => Err(Errno::INVAL),
    }
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn is_dir(stat: &Stat) -> bool {
    kind(stat) == FileType::Directory
}

/// The parts of a path, empty ones left out.
fn split(path: &[u8]) -> impl Iterator<Item = &OsStr> {
    path.split(|b| *b == b'/')
        .filter(|part| !part.is_empty())
        .map(OsStr::from_bytes)
}

/// A path of parts, for patterns and messages: `a/b`.
pub fn joined(parts: &[OsString]) -> String {
    let parts: Vec<_> = parts.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The names in a directory, sorted by their bytes.
fn names(directory: BorrowedFd<'_>) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_below_the_root() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b")).expect("folders");
        std::fs::write(at("a/b/f"), "x").expect("a file");
        symlink("/a", at("abs")).expect("a link");
        symlink("../../../../a/b", at("a/up")).expect("a link");
        symlink("loop", at("loop")).expect("a link");
        let root = Rooted::open(folder.path()).expect("a root");
        let follow = |path: &str| root.follow(path.as_bytes(), true).map(|parts| joined(&parts));
        assert_eq!(follow("/abs/b/f").as_deref(), Ok("a/b/f"));
        assert_eq!(follow("a/up/../b/./f").as_deref(), Ok("a/b/f"));
        assert_eq!(follow("../../etc/passwd").as_deref(), Ok("etc/passwd"));
        assert_eq!(follow("loop"), Err(Errno::LOOP));
        assert_eq!(follow("new/x").as_deref(), Ok("new/x"));
        assert_eq!(root.read("/abs/b/f", 10).as_deref(), Some(&b"x"[..]));
        assert_eq!(root.read("/etc/passwd", 10), None);
        assert!(
            root.look(&root.follow(b"abs", false).expect("parts"))
                .expect("a stat")
                .is_some()
        );
    }
}
