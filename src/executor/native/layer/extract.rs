//! An archive becomes a directory tree.

use super::root::{Found, Lost, Root, look, remove_tree};
use super::{Form, is_whiteout, make_whiteout};
use crate::executor::Error;
use crate::executor::archive::{
    AUFS, Bad, Kind, Limits, Member, OPAQUE, Reader, WHITEOUT, components, member_display as display,
};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;

/// What files that begin with `.wh.` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whiteouts {
    /// Files like others: `ADD` of a local archive.
    Files,
    /// A layer's signs for what it deletes; they become overlayfs'.
    Overlay(Form),
}

/// Who owns what is extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// Whom the archive names.
    Archive,
    /// This user and group: `ADD --chown`.
    Fixed(u32, u32),
    /// Whoever extracts: where owners cannot be given away.
    Mine,
}

/// How to extract.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What the archive is called in errors.
    pub what: String,
    /// What `.wh.` means.
    pub whiteouts: Whiteouts,
    /// Who owns the files.
    pub owners: Owners,
    /// Whether the devices that every container has (`/dev/null`, `/dev/tty`) can be made; they are
    /// counted and left out where not. Other devices are always refused.
    pub devices: bool,
    /// What the archive may be.
    pub limits: Limits,
}

impl Rules {
    /// For a layer.
    pub fn layer(what: impl Into<String>, form: Form) -> Rules {
        Rules {
            what: what.into(),
            whiteouts: Whiteouts::Overlay(form),
            owners: Owners::Archive,
            devices: form == Form::Trusted,
            limits: Limits::default(),
        }
    }

    /// For an archive that is unpacked into an image.
    pub fn archive(what: impl Into<String>) -> Rules {
        Rules {
            what: what.into(),
            whiteouts: Whiteouts::Files,
            owners: Owners::Archive,
            devices: false,
            limits: Limits::default(),
        }
    }
}

/// What was extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extracted {
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Devices that were left out.
    pub devices_left_out: u64,
}

/// Unpacks an uncompressed tar stream into a directory, which should be on a file system of Linux
/// and be nobody else's to change meanwhile. Whatever the archive says, nothing outside of the
/// directory is read or changed.
///
/// # Errors
/// [`Error::Refused`] where the archive is broken, goes past a limit, or wants what it must not;
/// [`Error::Io`] where the disk does not do its part. What was unpacked so far stays.
pub fn extract(stream: impl Read, into: BorrowedFd<'_>, rules: &Rules) -> Result<Extracted, Error> {
    let top = rustix::fs::openat(
        into,
        c".",
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|errno| Error::io("open the folder to unpack into for", &rules.what)(errno.into()))?;
    let mut extraction = Extraction {
        root: Root::new(top),
        rules,
        directories: Vec::new(),
        left_out: 0,
    };
    let mut reader = Reader::new(stream, rules.limits.clone());
    let outcome = extraction.all(&mut reader);
    outcome.map_err(|(path, failure)| match failure {
        Lost::Bad(bad) => bad.of(&rules.what),
        // What the archive brought about, and no fault of the disk.
        Lost::Os(
            errno @ (Errno::NAMETOOLONG
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::ISDIR
            | Errno::EXIST
            | Errno::INVAL
            | Errno::MLINK),
        ) => Bad(format!("{} cannot be made: {errno}", display(&path))).of(&rules.what),
        Lost::Os(errno) => Error::Io {
            action: "unpack",
            path: PathBuf::from(OsStr::from_bytes(&path)),
            source: errno.into(),
        },
    })?;
    let (entries, bytes) = reader.seen();
    Ok(Extracted {
        entries,
        bytes,
        devices_left_out: extraction.left_out,
    })
}

struct Extraction<'a> {
    root: Root,
    rules: &'a Rules,
    /// What directories are to look like in the end, when nothing more is made in them.
    directories: Vec<Member>,
    left_out: u64,
}

type Failure = (Vec<u8>, Lost);

/// Bytes copied at a time.
const COPY: usize = 256 * 1024;

impl Extraction<'_> {
    fn all<R: Read>(&mut self, reader: &mut Reader<R>) -> Result<(), Failure> {
        let mut buffer = vec![0; COPY];
        while let Some(member) = reader.next().map_err(|bad| (Vec::new(), bad.into()))? {
            self.one(&member, reader, &mut buffer)
                .map_err(|failure| (member.path.clone(), failure))?;
        }
        // From the last to the first: what a directory looks like changes with what is in it.
        self.root.forget();
        for member in std::mem::take(&mut self.directories).iter().rev() {
            self.finish(member).map_err(|failure| (member.path.clone(), failure))?;
        }
        Ok(())
    }

    fn one<R: Read>(&mut self, member: &Member, reader: &mut Reader<R>, buffer: &mut [u8]) -> Result<(), Lost> {
        let path = member.components(&self.rules.limits)?;
        let Some((name, above)) = path.split_last() else {
            // The root itself.
            if member.kind == Kind::Directory {
                self.directories.push(member.clone());
                return Ok(());
            }
            return Err(Bad("it has an entry for its own root that is no directory".to_owned()).into());
        };
        if let Whiteouts::Overlay(form) = self.rules.whiteouts
            && name.starts_with(WHITEOUT)
        {
            return self.whiteout(above, name, form);
        }
        for (name, _) in &member.xattrs {
            if name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.") {
                return Err(Bad(format!(
                    "{} has the extended attribute {}, which would forge overlayfs' own",
                    member.display(),
                    display(name)
                ))
                .into());
            }
        }
        let parent = self.parent(above)?;
        match &member.kind {
            Kind::File => self.file(&parent, name, member, reader, buffer)?,
            Kind::Directory => {
                self.directory(&parent, name)?;
                self.directories.push(member.clone());
            }
            Kind::Symlink(target) => {
                self.make(&parent, name, |parent, name| {
                    rustix::fs::symlinkat(OsStr::from_bytes(target), parent, name)
                })?;
                self.own(&parent, name, member)?;
                self.stamp(&parent, name, member)?;
            }
            Kind::Hardlink(target) => self.hardlink(&parent, name, member, target)?,
            Kind::Fifo => {
                self.make(&parent, name, |parent, name| {
                    rustix::fs::mknodat(parent, name, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
                })?;
                self.dress_node(&parent, name, member)?;
            }
            Kind::Character(major, minor) => {
                if !is_harmless(*major, *minor) {
                    return Err(device(member, "character", *major, *minor).into());
                }
                if !self.rules.devices {
                    self.left_out += 1;
                    return Ok(());
                }
                let number = rustix::fs::makedev(*major, *minor);
                let made = self.make(&parent, name, |parent, name| {
                    rustix::fs::mknodat(parent, name, FileType::CharacterDevice, Mode::RUSR | Mode::WUSR, number)
                });
                match made {
                    Err(Lost::Os(Errno::PERM)) => {
                        self.left_out += 1;
                        return Ok(());
                    }
                    made => made?,
                }
                self.dress_node(&parent, name, member)?;
            }
            Kind::Block(major, minor) => return Err(device(member, "block", *major, *minor).into()),
        }
        Ok(())
    }

    /// The directory for a path's last part. What the archive left out is root's, or whose the
    /// archive's files are to be.
    fn parent(&mut self, above: &[&[u8]]) -> Result<Rc<OwnedFd>, Lost> {
        let owners = self.rules.owners;
        self.root.directory(
            above,
            Some(&move |parent, name| {
                let name = OsStr::from_bytes(name);
                rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
                let (uid, gid) = match owners {
                    Owners::Archive => (0, 0),
                    Owners::Fixed(uid, gid) => (uid, gid),
                    Owners::Mine => return Ok(()),
                };
                chown(parent, name, uid, gid)
            }),
        )
    }

    fn make(
        &mut self,
        parent: &OwnedFd,
        name: &[u8],
        make: impl Fn(&OwnedFd, &OsStr) -> Result<(), Errno>,
    ) -> Result<(), Lost> {
        match make(parent, OsStr::from_bytes(name)) {
            Err(Errno::EXIST) => {
                self.clear(parent, name)?;
                Ok(make(parent, OsStr::from_bytes(name))?)
            }
            made => Ok(made?),
        }
    }

    /// Takes away what is in the way: the last entry of a name counts.
    fn clear(&mut self, parent: &OwnedFd, name: &[u8]) -> Result<(), Lost> {
        remove_tree(parent.as_fd(), name)?;
        self.root.forget();
        Ok(())
    }

    fn file<R: Read>(
        &mut self,
        parent: &OwnedFd,
        name: &[u8],
        member: &Member,
        reader: &mut Reader<R>,
        buffer: &mut [u8],
    ) -> Result<(), Lost> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(parent, OsStr::from_bytes(name), flags, Mode::RUSR | Mode::WUSR);
        let fd = match open() {
            Err(Errno::EXIST) => {
                self.clear(parent, name)?;
                open()?
            }
            fd => fd?,
        };
        if member.size > 4 << 20 && !reader.is_sparse() {
            // A disk that is too small says so now, not after minutes.
            let room = rustix::fs::fallocate(&fd, rustix::fs::FallocateFlags::KEEP_SIZE, 0, member.size);
            if let Err(errno @ (Errno::NOSPC | Errno::FBIG | Errno::DQUOT)) = room {
                return Err(errno.into());
            }
        }
        let mut file = std::fs::File::from(fd);
        let mut written = 0u64;
        loop {
            let read = match reader.read(buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Bad::from(error).into()),
            };
            file.write_all(buffer.get(..read).unwrap_or_default())
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            written += read as u64;
        }
        if written != member.size {
            return Err(Bad(format!("{} has fewer bytes than it says", member.display())).into());
        }
        self.dress(file.as_fd(), member)?;
        Ok(())
    }

    fn directory(&mut self, parent: &OwnedFd, name: &[u8]) -> Result<(), Lost> {
        let at = OsStr::from_bytes(name);
        let make = || rustix::fs::mkdirat(parent, at, Mode::from_raw_mode(0o755));
        match make() {
            Err(Errno::EXIST) => {}
            made => return Ok(made?),
        }
        let Found::Something(stat) = look(parent.as_fd(), name)? else {
            return Ok(make()?);
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Ok(());
        }
        let hides = is_whiteout(&stat);
        self.clear(parent, name)?;
        make()?;
        if let Whiteouts::Overlay(form) = self.rules.whiteouts
            && hides
        {
            // Deleted below and made anew: what it held below stays deleted.
            form.mark_opaque(open_to_read(parent, name)?.as_fd())
                .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        }
        Ok(())
    }

    fn hardlink(&mut self, parent: &OwnedFd, name: &[u8], member: &Member, target: &[u8]) -> Result<(), Lost> {
        let path = components(target, &self.rules.limits)?;
        let missing = || {
            Lost::from(Bad(format!(
                "{} is a hard link to {}, which is not in it",
                member.display(),
                display(target)
            )))
        };
        let (last, above) = path.split_last().ok_or_else(missing)?;
        let from = match self.root.directory(above, None) {
            Err(Lost::Os(Errno::NOENT)) => return Err(missing()),
            from => from?,
        };
        let Found::Something(stat) = look(from.as_fd(), last)? else {
            return Err(missing());
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory || kind == FileType::CharacterDevice {
            return Err(Bad(format!(
                "{} is a hard link to {}, which is no file",
                member.display(),
                display(target)
            ))
            .into());
        }
        if let Found::Something(there) = look(parent.as_fd(), name)?
            && (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino)
        {
            return Ok(());
        }
        let link = |parent: &OwnedFd, name: &OsStr| {
            rustix::fs::linkat(&*from, OsStr::from_bytes(last), parent, name, AtFlags::empty())
        };
        match self.make(parent, name, link) {
            // The target was inside of what had to be cleared away.
            Err(Lost::Os(Errno::NOENT)) => Err(missing()),
            made => made,
        }
    }

    fn whiteout(&mut self, above: &[&[u8]], name: &[u8], form: Form) -> Result<(), Lost> {
        let io = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let parent = self.parent(above)?;
        if name == OPAQUE {
            form.mark_opaque(open_to_read(&parent, b".")?.as_fd()).map_err(io)?;
            return Ok(());
        }
        if name.starts_with(AUFS) {
            // What AUFS kept for itself; engines pass over it.
            return Ok(());
        }
        let hidden = name.get(WHITEOUT.len()..).unwrap_or_default();
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(Bad(format!("{} deletes what cannot be deleted", display(name))).into());
        }
        let at = OsStr::from_bytes(hidden);
        match make_whiteout(parent.as_fd(), at) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => {
                // A layer deletes what is below it, not its own; but its own directory then hides
                // the one below.
                if let Ok(directory) = open_to_read(&parent, hidden) {
                    form.mark_opaque(directory.as_fd()).map_err(io)?;
                }
                Ok(())
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn ids(&self, member: &Member) -> Option<(u32, u32)> {
        match self.rules.owners {
            Owners::Archive => Some((member.uid, member.gid)),
            Owners::Fixed(uid, gid) => Some((uid, gid)),
            Owners::Mine => None,
        }
    }

    /// Owner, mode, attributes and time; in this order, since a new owner takes away setuid and
    /// capabilities.
    fn dress(&self, fd: BorrowedFd<'_>, member: &Member) -> Result<(), Lost> {
        if let Some((uid, gid)) = self.ids(member) {
            let (uid, gid) = checked(uid, gid)?;
            rustix::fs::fchown(fd, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(fd, Mode::from_raw_mode(member.mode))?;
        for (name, value) in &member.xattrs {
            if !is_kept(name) {
                continue;
            }
            let set = rustix::fs::fsetxattr(fd, OsStr::from_bytes(name), value, XattrFlags::empty());
            match set {
                // A capability that is lost would change what the program can do; others are an ornament.
                Err(errno) if name == b"security.capability" && self.rules.owners != Owners::Mine => {
                    return Err(errno.into());
                }
                _ => {}
            }
        }
        rustix::fs::futimens(fd, &times(member))?;
        Ok(())
    }

    fn own(&self, parent: &OwnedFd, name: &[u8], member: &Member) -> Result<(), Lost> {
        if let Some((uid, gid)) = self.ids(member) {
            chown(parent.as_fd(), OsStr::from_bytes(name), uid, gid)?;
        }
        Ok(())
    }

    fn stamp(&self, parent: &OwnedFd, name: &[u8], member: &Member) -> Result<(), Lost> {
        Ok(rustix::fs::utimensat(
            parent,
            OsStr::from_bytes(name),
            &times(member),
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// Of what must not be opened: a pipe, a device.
    fn dress_node(&self, parent: &OwnedFd, name: &[u8], member: &Member) -> Result<(), Lost> {
        self.own(parent, name, member)?;
        let handle = rustix::fs::openat(
            parent,
            OsStr::from_bytes(name),
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::fs::chmod(proc_path(handle.as_fd()), Mode::from_raw_mode(member.mode))?;
        self.stamp(parent, name, member)
    }

    fn finish(&mut self, member: &Member) -> Result<(), Lost> {
        let path = member.components(&self.rules.limits)?;
        let open = match path.split_last() {
            None => self
                .root
                .directory(&[], None)
                .and_then(|top| Ok(open_to_read(&top, b".")?))
                .map_err(|lost| match lost {
                    Lost::Os(errno) => errno,
                    Lost::Bad(_) => Errno::NOENT,
                }),
            Some((name, above)) => match self.root.directory(above, None) {
                Ok(parent) => open_to_read(&parent, name),
                // A later entry took its place.
                Err(_) => return Ok(()),
            },
        };
        match open {
            Ok(fd) => self.dress(fd.as_fd(), member),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The devices that a container has anyway: null, zero, full, random, urandom, tty, console, ptmx.
fn is_harmless(major: u32, minor: u32) -> bool {
    matches!((major, minor), (1, 3 | 5 | 7 | 8 | 9) | (5, 0..=2))
}

fn device(member: &Member, kind: &str, major: u32, minor: u32) -> Bad {
    Bad(format!(
        "{} is the {kind} device {major}:{minor}, which could reach this machine's hardware or memory",
        member.display()
    ))
}

/// Extended attributes that a container can have a use for; the rest is the host's.
fn is_kept(name: &[u8]) -> bool {
    name == b"security.capability" || name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_")
}

fn checked(uid: u32, gid: u32) -> Result<(Uid, Gid), Errno> {
    // The last number means "do not change" to the kernel.
    if uid == u32::MAX || gid == u32::MAX {
        return Err(Errno::INVAL);
    }
    Ok((Uid::from_raw(uid), Gid::from_raw(gid)))
}

fn chown(parent: BorrowedFd<'_>, name: &OsStr, uid: u32, gid: u32) -> Result<(), Errno> {
    let (uid, gid) = checked(uid, gid)?;
    rustix::fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

fn times(member: &Member) -> Timestamps {
    let time = Timespec {
        tv_sec: member.mtime.seconds,
        tv_nsec: member.mtime.nanos.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn open_to_read(parent: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(
        parent,
        OsStr::from_bytes(name),
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

/// A way to what a descriptor stands for, for calls that take no descriptor of this kind.
pub(super) fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}
