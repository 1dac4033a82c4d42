//! Copies a selection into a tree, as BuildKit's file operations do.
//!
//! The folder that is copied to keeps its mode and owner where it is there already; folders in it get
//! those of their source. What is no folder is replaced, never followed. Hard links between copied
//! files stay links.

use super::mode::Chmod;
use super::walk::{Entry, Selection, Visitor};
use super::{Parts, Rooted, is_dir, joined, kind, open_file};
use crate::executor::cancel::Cancel;
use crate::executor::native::attributes;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// Extended attributes that belong to the machine and not to the file.
const OWN_ATTRIBUTES: [&str; 5] = [
    "trusted.",
    "user.overlay.",
    "security.selinux",
    "security.ima",
    "system.",
];

/// Why a copy failed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file where a folder should be, or the other way round.
    #[error("{0}")]
    Shape(String),
    /// The source is not there.
    #[error("`{0}` is not there")]
    Missing(String),
    /// The system refuses.
    #[error("cannot copy `{0}`: {1}")]
    Os(String, Errno),
    /// The end was asked for.
    #[error("it was cancelled")]
    Cancelled,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Files and links.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Copies into one tree.
pub struct Copier<'a> {
    dest: &'a Rooted,
    /// `--chown`, resolved.
    owner: Option<(u32, u32)>,
    chmod: Option<Chmod>,
    cancel: &'a Cancel,
    /// Whose extended attributes come along: none of a context's.
    done: Outcome,
}

impl<'a> Copier<'a> {
    /// Into `dest`.
    pub fn new(dest: &'a Rooted, owner: Option<(u32, u32)>, chmod: Option<Chmod>, cancel: &'a Cancel) -> Copier<'a> {
        Copier {
            dest,
            owner,
            chmod,
            cancel,
            done: Outcome::default(),
        }
    }

    /// Who everything is given to, where somebody is.
    pub fn chown(&self) -> Option<(u32, u32)> {
        self.owner
    }

    /// What was done so far.
    pub fn outcome(&self) -> Outcome {
        self.done
    }

    fn owner(&self) -> (u32, u32) {
        self.owner.unwrap_or((0, 0))
    }

    /// The mode of a folder that only leads to the destination.
    fn folder_mode(&self) -> u32 {
        match self.chmod {
            Some(Chmod::Octal(mode)) => mode,
            _ => 0o755,
        }
    }

    /// Makes a folder and those above it where they are missing; gives its parts, links followed.
    ///
    /// # Errors
    /// Something on the way is no folder.
    pub fn make_folders(&self, path: &str, mode: u32) -> Result<Parts, CopyError> {
        let os = |errno| CopyError::Os(path.to_owned(), errno);
        let parts = self.dest.follow(path.as_bytes(), true).map_err(os)?;
        self.make_parts(&parts, mode)?;
        Ok(parts)
    }

    fn make_parts(&self, parts: &[OsString], mode: u32) -> Result<(), CopyError> {
        for count in 1..=parts.len() {
            let part = parts.get(..count).unwrap_or_default();
            let shown = || format!("/{}", joined(part));
            let os = |errno| CopyError::Os(shown(), errno);
            match self.dest.look(part).map_err(os)? {
                Some(stat) if is_dir(&stat) => {}
                Some(_) => return Err(CopyError::Shape(format!("`{}` is no folder", shown()))),
                None => {
                    let (parent, name) = self.dest.parent(part).map_err(os)?;
                    rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o700)).map_err(os)?;
                    own(parent.as_fd(), name, self.owner()).map_err(os)?;
                    // Not by mkdir, which takes the umask off.
                    rustix::fs::chmodat(&parent, name, Mode::from_raw_mode(mode), AtFlags::empty()).map_err(os)?;
                }
            }
        }
        Ok(())
    }

    /// The folder for unpacking an archive at `dest`.
    ///
    /// # Errors
    /// Something on the way is no folder.
    pub fn folder(&self, dest: &str) -> Result<OwnedFd, CopyError> {
        let parts = self.make_folders(dest, 0o755)?;
        self.dest
            .directory(&parts)
            .map_err(|errno| CopyError::Os(dest.to_owned(), errno))
    }

    /// Copies a selection to `dest`, which ends in a slash where it is to be a folder. `name` is what
    /// a file in a folder is called. Of a folder its contents are copied. `owners` says whether the
    /// source's owners count where no other is given.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub fn place(&mut self, source: &Selection<'_>, name: &OsStr, dest: &str, owners: bool) -> Result<(), CopyError> {
        let shown = || joined(&source.parts);
        let stat = source
            .root
            .look(&source.parts)
            .map_err(|errno| CopyError::Os(shown(), errno))?
            .ok_or_else(|| CopyError::Missing(shown()))?;
        let target = self.target(dest, is_dir(&stat), name)?;
        let mut into = Into {
            copier: self,
            target,
            levels: Vec::new(),
            links: HashMap::new(),
            owners,
            failed: None,
        };
        let walked = source.walk(&mut into);
        match (into.failed.take(), walked) {
            (Some(error), _) => Err(error),
            (None, Err(errno)) => Err(CopyError::Os(shown(), errno)),
            (None, Ok(())) => Ok(()),
        }
    }

    /// Writes a file that is given by its content.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub fn write(
        &mut self,
        content: &[u8],
        name: &OsStr,
        dest: &str,
        mode: u32,
        time: Option<i64>,
    ) -> Result<(), CopyError> {
        let target = self.target(dest, false, name)?;
        let shown = || format!("/{}", joined(&target));
        let os = |errno| CopyError::Os(shown(), errno);
        let (parent, name) = self.dest.parent(&target).map_err(os)?;
        make_way(parent.as_fd(), name).map_err(|error| error.unwrap_or_else(|| no_folder(&shown())))?;
        let file = create(parent.as_fd(), name).map_err(os)?;
        let mut rest = content;
        while !rest.is_empty() {
            match rustix::io::write(&file, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(os(errno)),
            }
        }
        let (uid, gid) = self.owner();
        chown(file.as_fd(), uid, gid).map_err(os)?;
        let mode = self.chmod.as_ref().map_or(mode, |chmod| chmod.apply(mode, false));
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(os)?;
        if let Some(time) = time {
            let time = Timespec {
                tv_sec: time,
                tv_nsec: 0,
            };
            let times = Timestamps {
                last_access: time,
                last_modification: time,
            };
            rustix::fs::futimens(&file, &times).map_err(os)?;
        }
        self.done.files += 1;
        self.done.bytes += content.len() as u64;
        Ok(())
    }

    /// Where a source comes to be, its parent made.
    fn target(&self, dest: &str, folder: bool, name: &OsStr) -> Result<Parts, CopyError> {
        let os = |errno| CopyError::Os(dest.to_owned(), errno);
        let above = match dest.rfind('/') {
            Some(at) => dest.get(..=at).unwrap_or("/"),
            None => "/",
        };
        self.make_folders(above, self.folder_mode())?;
        let mut target = self.dest.follow(dest.as_bytes(), true).map_err(os)?;
        let there = self.dest.look(&target).map_err(os)?;
        if folder {
            match there {
                Some(stat) if !is_dir(&stat) => return Err(no_folder(dest)),
                Some(_) => {}
                None => self.make_parts(&target, self.folder_mode())?,
            }
        } else if there.is_some_and(|stat| is_dir(&stat)) {
            target.push(name.to_owned());
        } else if let Some((_, above)) = target.split_last() {
            self.make_parts(above, self.folder_mode())?;
        }
        Ok(target)
    }
}

fn no_folder(path: &str) -> CopyError {
    CopyError::Shape(format!(
        "cannot copy to `{path}`: a file is where a folder should be, or the other way round"
    ))
}

/// One selection on its way.
struct Into<'c, 'a> {
    copier: &'c mut Copier<'a>,
    target: Parts,
    levels: Vec<Level>,
    /// Files with several links: where the first of them came to be.
    links: HashMap<(u64, u64), Parts>,
    owners: bool,
    failed: Option<CopyError>,
}

/// A folder on the way.
struct Level {
    name: OsString,
    stat: Stat,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    fd: Option<OwnedFd>,
    /// It counts by itself, and not only for what is below.
    taken: bool,
    /// Its times are to become the source's.
    made: bool,
}

impl Into<'_, '_> {
    fn owner(&self, stat: &Stat) -> (u32, u32) {
        match (self.copier.owner, self.owners) {
            (Some(owner), _) => owner,
            (None, true) => (stat.st_uid, stat.st_gid),
            (None, false) => (0, 0),
        }
    }

    fn mode(&self, stat: &Stat) -> Mode {
        let mode = stat.st_mode & 0o7777;
        let mode = self
            .copier
            .chmod
            .as_ref()
            .map_or(mode, |chmod| chmod.apply(mode, is_dir(stat)));
        Mode::from_raw_mode(mode)
    }

    fn shape(&mut self, path: &str) -> Errno {
        self.failed = Some(no_folder(path));
        Errno::NOTDIR
    }

    /// The folder that the next file goes to; those on the way are made now.
    fn open(&mut self) -> Result<OwnedFd, Errno> {
        for at in 0..self.levels.len() {
            if self.levels.get(at).is_some_and(|level| level.fd.is_some()) {
                continue;
            }
            if at == 0 {
                let fd = self.copier.dest.directory(&self.target)?;
                if let Some(level) = self.levels.first_mut() {
                    level.fd = Some(fd);
                }
                continue;
            }
            let parent = match self.levels.get(at - 1).and_then(|level| level.fd.as_ref()) {
                Some(fd) => rustix::io::fcntl_dupfd_cloexec(fd, 0)?,
                None => return Err(Errno::BADF),
            };
            let Some(level) = self.levels.get(at) else { break };
            let (owner, mode) = (self.owner(&level.stat), self.mode(&level.stat));
            let name = level.name.clone();
            let taken = level.taken;
            let made = match rustix::fs::statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if is_dir(&stat) => false,
                Ok(_) => return Err(self.shape(&name.to_string_lossy())),
                Err(Errno::NOENT) => {
                    rustix::fs::mkdirat(&parent, &name, Mode::from_raw_mode(0o700))?;
                    true
                }
                Err(errno) => return Err(errno),
            };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(&parent, &name, flags, Mode::empty())?;
            // The folder that is copied to keeps what it is; those in it become the source's.
            let made = made || taken;
            if !made {
                rustix::fs::fchmod(&fd, Mode::from_raw_mode(level.stat.st_mode & 0o7777))?;
            }
            if made {
                chown(fd.as_fd(), owner.0, owner.1)?;
                rustix::fs::fchmod(&fd, mode)?;
                for (key, value) in &level.attributes {
                    set_attribute(fd.as_fd(), key, value)?;
                }
            }
            if let Some(level) = self.levels.get_mut(at) {
                level.fd = Some(fd);
                level.made = made;
            }
        }
        match self.levels.last().and_then(|level| level.fd.as_ref()) {
            Some(fd) => rustix::io::fcntl_dupfd_cloexec(fd, 0),
            None => {
                // A file by itself.
                let (parent, _) = self.copier.dest.parent(&self.target)?;
                Ok(parent)
            }
        }
    }

    fn parts_of(&self, entry: &Entry<'_>) -> Parts {
        let mut parts = self.target.clone();
        parts.extend(self.levels.iter().skip(1).map(|level| level.name.clone()));
        if !entry.path.is_empty() {
            parts.push(entry.name.to_owned());
        }
        parts
    }

    fn file(&mut self, entry: &Entry<'_>, parent: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
        let key = (entry.stat.st_dev, entry.stat.st_ino);
        if entry.stat.st_nlink > 1
            && let Some(first) = self.links.get(&key)
        {
            let (from, from_name) = self.copier.dest.parent(first)?;
            match rustix::fs::linkat(&from, from_name, parent, name, AtFlags::empty()) {
                // Too many links to one file.
                Err(Errno::MLINK) => {}
                linked => return linked,
            }
        }
        let source = open_file(entry.directory, entry.name)?;
        let file = create(parent, name)?;
        self.copier.done.bytes += self.data(source.as_fd(), file.as_fd())?;
        let (uid, gid) = self.owner(entry.stat);
        chown(file.as_fd(), uid, gid)?;
        rustix::fs::fchmod(&file, self.mode(entry.stat))?;
        if self.owners {
            for (key, value) in attributes(source.as_fd())? {
                set_attribute(file.as_fd(), &key, &value)?;
            }
        }
        rustix::fs::futimens(&file, &times(entry.stat))?;
        if entry.stat.st_nlink > 1 {
            let parts = self.parts_of(entry);
            self.links.insert(key, parts);
        }
        Ok(())
    }

    fn data(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<u64, Errno> {
        let mut sum = 0;
        loop {
            if self.copier.cancel.is_cancelled() {
                self.failed = Some(CopyError::Cancelled);
                return Err(Errno::CANCELED);
            }
            match rustix::fs::copy_file_range(from, None, to, None, PIECE) {
                Ok(0) => return Ok(sum),
                Ok(count) => sum += count as u64,
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::BADF)
                    if sum == 0 =>
                {
                    break;
                }
                Err(errno) => return Err(errno),
            }
        }
        let mut buffer = vec![0; PIECE];
        loop {
            if self.copier.cancel.is_cancelled() {
                self.failed = Some(CopyError::Cancelled);
                return Err(Errno::CANCELED);
            }
            let count = match rustix::io::read(from, &mut buffer) {
                Ok(0) => return Ok(sum),
                Err(Errno::INTR) => continue,
                count => count?,
            };
            let mut rest = buffer.get(..count).unwrap_or_default();
            while !rest.is_empty() {
                match rustix::io::write(to, rest) {
                    Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(errno),
                }
            }
            sum += count as u64;
        }
    }
}

impl Visitor for Into<'_, '_> {
    fn enter(&mut self, entry: &Entry<'_>, taken: bool) -> Result<(), Errno> {
        let attributes = match self.owners && !self.levels.is_empty() {
            true => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let fd = rustix::fs::openat(entry.directory, entry.name, flags, Mode::empty())?;
                attributes(fd.as_fd())?
            }
            false => Vec::new(),
        };
        self.levels.push(Level {
            name: entry.name.to_owned(),
            stat: *entry.stat,
            attributes,
            fd: None,
            taken,
            made: false,
        });
        if taken {
            self.open()?;
        }
        Ok(())
    }

    fn leave(&mut self, _: &Entry<'_>) -> Result<(), Errno> {
        if let Some(Level {
            fd: Some(fd),
            made: true,
            stat,
            ..
        }) = self.levels.pop()
        {
            rustix::fs::futimens(&fd, &times(&stat))?;
        }
        Ok(())
    }

    fn leaf(&mut self, entry: &Entry<'_>) -> Result<(), Errno> {
        let parent = self.open()?;
        let own_name = self.target.last().cloned().unwrap_or_default();
        let name = match entry.path {
            "" => own_name.as_os_str(),
            _ => entry.name,
        };
        if let Err(error) = make_way(parent.as_fd(), name) {
            self.failed = Some(error.unwrap_or_else(|| no_folder(&name.to_string_lossy())));
            return Err(Errno::ISDIR);
        }
        match kind(entry.stat) {
            FileType::RegularFile => self.file(entry, parent.as_fd(), name)?,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(entry.directory, entry.name, Vec::new())?;
                rustix::fs::symlinkat(target, &parent, name)?;
                own(parent.as_fd(), name, self.owner(entry.stat))?;
                rustix::fs::utimensat(&parent, name, &times(entry.stat), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            // A socket is nothing without the process that listens to it.
            FileType::Socket => return Ok(()),
            other => {
                let device = if other == FileType::Fifo { 0 } else { entry.stat.st_rdev };
                rustix::fs::mknodat(&parent, name, other, Mode::from_raw_mode(0o600), device)?;
                own(parent.as_fd(), name, self.owner(entry.stat))?;
                rustix::fs::chmodat(&parent, name, self.mode(entry.stat), AtFlags::empty())?;
                rustix::fs::utimensat(&parent, name, &times(entry.stat), AtFlags::SYMLINK_NOFOLLOW)?;
            }
        }
        self.copier.done.files += 1;
        Ok(())
    }
}

/// Takes away what stands in a file's way; an error without text where that is a folder.
fn make_way(parent: BorrowedFd<'_>, name: &OsStr) -> Result<(), Option<CopyError>> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => Err(None),
        Err(errno) => Err(Some(CopyError::Os(name.to_string_lossy().into_owned(), errno))),
    }
}

fn create(parent: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600))
}

fn chown(fd: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<(), Errno> {
    rustix::fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
}

fn own(parent: BorrowedFd<'_>, name: &OsStr, (uid, gid): (u32, u32)) -> Result<(), Errno> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    rustix::fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
}

fn times(stat: &Stat) -> Timestamps {
    let time = Timespec {
        tv_sec: stat.st_mtime,
        tv_nsec: stat.st_mtime_nsec as _,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// The extended attributes that belong to the file itself.
fn attributes(fd: BorrowedFd<'_>) -> Result<Vec<attributes::Attribute>, Errno> {
    let list = |names: &mut [u8]| rustix::fs::flistxattr(fd, names);
    let get = |name: &OsStr, value: &mut [u8]| rustix::fs::fgetxattr(fd, name, value);
    let own = |name: &[u8]| OWN_ATTRIBUTES.iter().any(|own| name.starts_with(own.as_bytes()));
    attributes::read(list, get, |name| !own(name))
}

fn set_attribute(fd: BorrowedFd<'_>, name: &[u8], value: &[u8]) -> Result<(), Errno> {
    match rustix::fs::fsetxattr(fd, OsStr::from_bytes(name), value, XattrFlags::empty()) {
        // Not every file system keeps them, and a user namespace may not set all.
        Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::native::tree::Filter;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    /// The last part of a path.
    fn base_name(path: &str) -> OsString {
        OsString::from(path.rsplit('/').next().unwrap_or_default())
    }

    struct Trees {
        source: tempfile::TempDir,
        dest: tempfile::TempDir,
    }

    impl Trees {
        fn new() -> Trees {
            Trees {
                source: tempfile::tempdir().expect("a folder"),
                dest: tempfile::tempdir().expect("a folder"),
            }
        }

        fn copy(&self, path: &str, to: &str, chmod: Option<&str>) -> Result<(), CopyError> {
            let source = Rooted::open(self.source.path()).expect("a root");
            let dest = Rooted::open(self.dest.path()).expect("a root");
            let cancel = Cancel::new();
            let me = fs::metadata(self.source.path()).expect("a folder");
            let chmod = chmod.and_then(Chmod::parse);
            let mut copier = Copier::new(&dest, Some((me.uid(), me.gid())), chmod, &cancel);
            let selection = Selection {
                root: &source,
                parts: source.follow(path.as_bytes(), true).expect("a path"),
                filter: Filter::default(),
            };
            copier.place(&selection, &base_name(path), to, true)
        }

        fn dest(&self, path: &str) -> std::path::PathBuf {
            self.dest.path().join(path)
        }
    }

    #[test]
    fn folders_give_their_contents_and_files_their_name() {
        let trees = Trees::new();
        let at = |path: &str| trees.source.path().join(path);
        fs::create_dir_all(at("d/e")).expect("folders");
        fs::write(at("d/e/f"), "f").expect("a file");
        fs::hard_link(at("d/e/f"), at("d/g")).expect("a link");
        symlink("e/f", at("d/s")).expect("a link");
        fs::set_permissions(at("d/e"), fs::Permissions::from_mode(0o750)).expect("a mode");
        trees.copy("d", "/new/x", None).expect("a copy");
        assert_eq!(fs::read_to_string(trees.dest("new/x/e/f")).expect("a file"), "f");
        let mode = |path: &str| fs::metadata(trees.dest(path)).expect("it is there").mode() & 0o7777;
        assert_eq!((mode("new/x"), mode("new/x/e")), (0o755, 0o750));
        let inode = |path: &str| fs::symlink_metadata(trees.dest(path)).expect("it is there").ino();
        assert_eq!(inode("new/x/e/f"), inode("new/x/g"));
        assert!(
            fs::symlink_metadata(trees.dest("new/x/s"))
                .expect("a link")
                .is_symlink()
        );
        trees.copy("d/e/f", "/into/", Some("600")).expect("a copy");
        assert_eq!(mode("into/f"), 0o600);
        trees.copy("d/e/f", "/into", None).expect("a copy");
        trees.copy("d/e/f", "/name", None).expect("a copy");
        assert!(trees.dest("name").is_file());
        assert!(matches!(trees.copy("d", "/name", None), Err(CopyError::Shape(_))));
        assert!(matches!(trees.copy("absent", "/y", None), Err(CopyError::Missing(_))));
    }

    #[test]
    fn links_in_the_destination_lead_nowhere_else() {
        let trees = Trees::new();
        let outside = tempfile::tempdir().expect("a folder");
        fs::write(trees.source.path().join("f"), "new").expect("a file");
        fs::write(outside.path().join("f"), "old").expect("a file");
        symlink(outside.path(), trees.dest("out")).expect("a link");
        symlink(outside.path().join("f"), trees.dest("file")).expect("a link");
        trees.copy("f", "/out/f", None).expect("a copy");
        trees.copy("f", "/file", None).expect("a copy");
        assert_eq!(fs::read_to_string(outside.path().join("f")).expect("a file"), "old");
    }
}
