//! The digest of a selection: what counts for the build cache. Times do not count, as in BuildKit.

use super::open_file;
use super::walk::{Entry, Selection, Visitor};
use crate::executor::digest::Digest;
use rustix::fs::FileType;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::os::unix::ffi::OsStrExt;

/// Of names, kinds, modes, owners, link targets and contents. `own` says whether owners count: a
/// context has none.
///
/// # Errors
/// A file cannot be read.
pub fn digest(selection: &Selection<'_>, own: bool) -> Result<Digest, Errno> {
    let mut hasher = Hasher {
        sum: Sha256::new(),
        own,
        pending: Vec::new(),
        buffer: vec![0; 256 << 10],
    };
    selection.walk(&mut hasher)?;
    Ok(Digest::from_bytes(&hasher.sum.finalize().into()))
}

struct Hasher {
    sum: Sha256,
    own: bool,
    /// Folders on the way that do not count as long as nothing below does.
    pending: Vec<Option<Vec<u8>>>,
    buffer: Vec<u8>,
}

impl Hasher {
    fn head(&self, entry: &Entry<'_>) -> Vec<u8> {
        let (uid, gid) = if self.own {
            (entry.stat.st_uid, entry.stat.st_gid)
        } else {
            (0, 0)
        };
        let mut head = format!(
            "{:o} {uid} {gid} {} ",
            entry.stat.st_mode,
            entry.stat.st_size_for_digest()
        )
        .into_bytes();
        head.extend_from_slice(entry.path.as_bytes());
        // Names that are no text are told apart by their bytes.
        head.push(0);
        head.extend_from_slice(entry.name.as_bytes());
        head.push(0);
        head
    }

    fn flush(&mut self) {
        for head in self.pending.iter_mut().filter_map(Option::take) {
            self.sum.update(&head);
        }
    }
}

/// The size counts for files alone.
trait SizeForDigest {
    fn st_size_for_digest(&self) -> i64;
}

impl SizeForDigest for rustix::fs::Stat {
    fn st_size_for_digest(&self) -> i64 {
        match FileType::from_raw_mode(self.st_mode) {
            FileType::RegularFile => self.st_size,
            _ => 0,
        }
    }
}

impl Visitor for Hasher {
    fn enter(&mut self, entry: &Entry<'_>, taken: bool) -> Result<(), Errno> {
        let head = self.head(entry);
        self.pending.push(Some(head));
        if taken {
            self.flush();
        }
        Ok(())
    }

    fn leave(&mut self, _: &Entry<'_>) -> Result<(), Errno> {
        self.pending.pop();
        Ok(())
    }

    fn leaf(&mut self, entry: &Entry<'_>) -> Result<(), Errno> {
        self.flush();
        let head = self.head(entry);
        self.sum.update(&head);
        match FileType::from_raw_mode(entry.stat.st_mode) {
            FileType::RegularFile => {
                let file = open_file(entry.directory, entry.name)?;
                loop {
                    match rustix::io::read(&file, &mut self.buffer) {
                        Ok(0) => break,
                        Ok(count) => self.sum.update(self.buffer.get(..count).unwrap_or_default()),
                        Err(Errno::INTR) => {}
                        Err(errno) => return Err(errno),
                    }
                }
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(entry.directory, entry.name, Vec::new())?;
                self.sum.update(target.as_bytes());
            }
            _ => {}
        }
        Ok(())
    }
}
