//! A directory tree in overlayfs' form becomes an archive; always the same one for the same tree.

use super::{Form, is_whiteout};
use crate::executor::Error;
use crate::executor::archive::{OPAQUE, WHITEOUT, append_record, member_display as display};
use crate::executor::native::attributes;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use tar::{EntryType, Header};

/// What was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packed {
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of its files; a file of several names counts once.
    pub bytes: u64,
    /// Bytes that the tree takes on the disk.
    pub disk: u64,
}

/// Bytes read of a file at a time.
const COPY: usize = 256 * 1024;
/// Directories in each other: each costs a descriptor while it is walked.
const DEPTH: usize = 400;

/// Writes a directory's tree as a tar stream: entries by name in each directory, times in whole
/// seconds, owners by number; overlayfs' signs become a layer's (`.wh.NAME`, `.wh..wh..opq`).
///
/// # Errors
/// The tree cannot be read, or the stream not be written.
pub fn pack(tree: BorrowedFd<'_>, form: Form, to: &mut dyn Write) -> Result<Packed, Error> {
    let mut packing = Packing {
        to,
        form,
        path: Vec::new(),
        links: HashMap::new(),
        packed: Packed::default(),
        buffer: vec![0; COPY],
        depth: 0,
    };
    let top = open_directory(tree, b".").and_then(|fd| packing.directory(&fd));
    top.and_then(|()| packing.to.write_all(&[0; 1024]))
        .map_err(|source| Error::Io {
            action: "pack",
            path: PathBuf::from(OsStr::from_bytes(&packing.path)),
            source,
        })?;
    Ok(packing.packed)
}

struct Packing<'a> {
    to: &'a mut dyn Write,
    form: Form,
    /// Below the tree, with no slash in front.
    path: Vec<u8>,
    /// The first name of files that have several.
    links: HashMap<(u64, u64), Vec<u8>>,
    packed: Packed,
    buffer: Vec<u8>,
    depth: usize,
}

impl Packing<'_> {
    fn directory(&mut self, directory: &OwnedFd) -> io::Result<()> {
        if self.depth >= DEPTH {
            return Err(io::Error::other(format!(
                "more than {DEPTH} directories are in each other"
            )));
        }
        let mut names: Vec<Vec<u8>> = Vec::new();
        for entry in rustix::fs::Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        let above = self.path.len();
        self.depth += 1;
        for name in names {
            if above > 0 {
                self.path.push(b'/');
            }
            self.path.extend(&name);
            self.one(directory, &name)?;
            self.path.truncate(above);
        }
        self.depth -= 1;
        Ok(())
    }

    fn one(&mut self, parent: &OwnedFd, name: &[u8]) -> io::Result<()> {
        let at = OsStr::from_bytes(name);
        let stat = rustix::fs::statat(parent, at, AtFlags::SYMLINK_NOFOLLOW)?;
        self.packed.disk += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if is_whiteout(&stat) {
            let mut path = self.path.clone();
            path.truncate(path.len() - name.len());
            path.extend(WHITEOUT);
            path.extend(name);
            return self.sign(&path, stat);
        }
        if name.starts_with(WHITEOUT) {
            return Err(io::Error::other(format!(
                "{} would be taken for a layer's sign of a deleted file",
                display(&self.path)
            )));
        }
        if kind == FileType::Directory {
            let fd = open_directory(parent.as_fd(), name)?;
            let mut path = self.path.clone();
            path.push(b'/');
            let xattrs = xattrs(fd.as_fd())?;
            self.header(&path, EntryType::Directory, &stat, 0, &[], &xattrs)?;
            if self.form.is_opaque(fd.as_fd()) {
                path.extend(OPAQUE);
                self.sign(&path, stat)?;
            }
            return self.directory(&fd);
        }
        let path = self.path.clone();
        if stat.st_nlink > 1 {
            let inode = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.links.get(&inode) {
                let first = first.clone();
                return self.header(&path, EntryType::Link, &stat, 0, &first, &[]);
            }
            self.links.insert(inode, path.clone());
        }
        match kind {
            FileType::RegularFile => self.file(parent, at, &path, &stat),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, at, Vec::new())?;
                self.header(&path, EntryType::Symlink, &stat, 0, target.as_bytes(), &[])
            }
            FileType::CharacterDevice => self.header(&path, EntryType::Char, &stat, 0, &[], &[]),
            FileType::BlockDevice => self.header(&path, EntryType::Block, &stat, 0, &[], &[]),
            FileType::Fifo => self.header(&path, EntryType::Fifo, &stat, 0, &[], &[]),
            // A socket means nothing without its process; engines leave it out.
            _ => Ok(()),
        }
    }

    /// A sign of what is hidden below: an empty file.
    fn sign(&mut self, path: &[u8], mut stat: Stat) -> io::Result<()> {
        stat.st_mode = 0;
        self.header(path, EntryType::Regular, &stat, 0, &[], &[])
    }

    fn file(&mut self, parent: &OwnedFd, name: &OsStr, path: &[u8], stat: &Stat) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mut file = std::fs::File::from(rustix::fs::openat(parent, name, flags, Mode::empty())?);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let xattrs = xattrs(file.as_fd())?;
        self.header(path, EntryType::Regular, stat, size, &[], &xattrs)?;
        let mut left = size;
        let mut buffer = std::mem::take(&mut self.buffer);
        while left > 0 {
            let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            match file.read(buffer.get_mut(..room).unwrap_or_default()) {
                Ok(0) => return Err(io::Error::other("it became shorter while it was read")),
                Ok(read) => {
                    self.to.write_all(buffer.get(..read).unwrap_or_default())?;
                    left -= read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer = buffer;
        self.pad(size)?;
        self.packed.bytes += size;
        Ok(())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let padding = usize::try_from((512 - size % 512) % 512).unwrap_or(0);
        self.to.write_all([0; 512].get(..padding).unwrap_or_default())
    }

    fn header(
        &mut self,
        path: &[u8],
        kind: EntryType,
        stat: &Stat,
        size: u64,
        link: &[u8],
        xattrs: &[(Vec<u8>, Vec<u8>)],
    ) -> io::Result<()> {
        self.packed.entries += 1;
        let mut records = Vec::new();
        if path.len() > 100 {
            append_record(&mut records, b"path", path);
        }
        if link.len() > 100 {
            append_record(&mut records, b"linkpath", link);
        }
        // What eleven octal digits cannot say.
        if size > 0o77_777_777_777 {
            append_record(&mut records, b"size", size.to_string().as_bytes());
        }
        if stat.st_mtime < 0 {
            append_record(&mut records, b"mtime", stat.st_mtime.to_string().as_bytes());
        }
        for (name, value) in xattrs {
            append_record(&mut records, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
        }
        if !records.is_empty() {
            let mut header = blank(EntryType::XHeader, b"pax");
            header.set_size(records.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            self.to.write_all(header.as_bytes())?;
            self.to.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        let mut header = blank(kind, path);
        if let Some(ustar) = header.as_ustar_mut() {
            for (to, from) in ustar.linkname.iter_mut().zip(link) {
                *to = *from;
            }
        }
        header.set_size(size);
        header.set_mode(stat.st_mode & 0o7777);
        header.set_uid(stat.st_uid.into());
        header.set_gid(stat.st_gid.into());
        header.set_mtime(u64::try_from(stat.st_mtime).unwrap_or(0));
        if matches!(kind, EntryType::Char | EntryType::Block) {
            header.set_device_major(rustix::fs::major(stat.st_rdev))?;
            header.set_device_minor(rustix::fs::minor(stat.st_rdev))?;
        }
        header.set_cksum();
        self.to.write_all(header.as_bytes())
    }
}

/// A header with as much of the path as has room.
fn blank(kind: EntryType, path: &[u8]) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    if let Some(ustar) = header.as_ustar_mut() {
        for (to, from) in ustar.name.iter_mut().zip(path) {
            *to = *from;
        }
    }
    header
}

fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(
        parent,
        OsStr::from_bytes(name),
        flags,
        Mode::empty(),
    )?)
}

/// The attributes that belong to a layer, by name.
fn xattrs(fd: BorrowedFd<'_>) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let list = |names: &mut [u8]| rustix::fs::flistxattr(fd, names);
    let get = |name: &OsStr, value: &mut [u8]| rustix::fs::fgetxattr(fd, name, value);
    Ok(attributes::read(list, get, attributes::is_of_layer)?)
}
