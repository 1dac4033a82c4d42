//! Locks, temporary directories, files that come to be at once, bytes that are counted and hashed.

use super::super::layer::remove_tree;
use super::Store;
use crate::executor::Error;
use crate::executor::digest::Digest;
use sha2::Digest as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A lock on a file, given back when dropped.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    pub(super) fn new(file: File) -> Lock {
        Lock(file)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child that is being started may still share the descriptor.
        let _ = self.0.unlock();
    }
}

pub(super) fn open_lock(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(Error::io("open", path))
}

/// A directory that is gone with the value.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new(path: PathBuf) -> Scratch {
        Scratch { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_folder(&self.path);
    }
}

/// Removes a directory as far as that is possible; what stays is swept later.
pub(super) fn remove_folder(path: &Path) {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    if let Ok(parent) = File::open(parent) {
        let _ = remove_tree(parent.as_fd(), name.as_bytes());
    }
}

/// Makes this process' directory under `tmp`.
///
/// Its lock lies beside it. Between the making of a lock and the taking of it nobody may sweep:
/// `sweep.lock` guards that.
pub(super) fn own_folder(root: &Path) -> Result<(PathBuf, Lock), Error> {
    let tmp = root.join("tmp");
    let guard_path = root.join("sweep.lock");
    let guard = open_lock(&guard_path)?;
    guard.lock().map_err(Error::io("lock", &guard_path))?;
    let mut number = 0u32;
    let (folder, lock) = loop {
        let folder = tmp.join(format!("{}-{number}", std::process::id()));
        let lock_path = folder.with_extension("lock");
        let lock = open_lock(&lock_path)?;
        // Its last owner may have removed the file between our opening and locking it.
        if lock.try_lock().is_ok() && is_at(&lock, &lock_path) {
            break (folder, lock);
        }
        number = number.saturating_add(1);
    };
    remove_folder(&folder);
    fs::create_dir(&folder).map_err(Error::io("create", &folder))?;
    drop(guard);
    Ok((folder, Lock(lock)))
}

fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Removes what processes that are gone left under `tmp`.
pub(super) fn sweep(root: &Path) -> Result<(), Error> {
    let tmp = root.join("tmp");
    let guard_path = root.join("sweep.lock");
    let guard = open_lock(&guard_path)?;
    match guard.try_lock() {
        Ok(()) => {}
        // Another one sweeps.
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", &guard_path)(error)),
    }
    for entry in fs::read_dir(&tmp).map_err(Error::io("read", &tmp))?.flatten() {
        let path = entry.path();
        let lock_path = path.with_extension("lock");
        let Ok(lock) = open_lock(&lock_path) else { continue };
        if lock.try_lock().is_err() {
            continue;
        }
        let folder = path.with_extension("");
        remove_folder(&folder);
        if !folder.exists() {
            let _ = fs::remove_file(&lock_path);
        }
    }
    Ok(())
}

impl Store {
    /// Writes a file that others see whole or not at all.
    pub(super) fn publish(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let scratch = self.scratch()?;
        let file = scratch.path().join("file");
        fs::write(&file, bytes).map_err(Error::io("write", &file))?;
        fs::rename(&file, path).map_err(Error::io("create", path))?;
        self.grew();
        Ok(())
    }

    pub(super) fn grew(&self) {
        self.inner.grown.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Hashes and counts what is read.
pub struct HashRead<R> {
    inner: R,
    hash: sha2::Sha256,
    bytes: u64,
}

impl<R> HashRead<R> {
    /// From its beginning.
    pub fn new(inner: R) -> HashRead<R> {
        HashRead {
            inner,
            hash: sha2::Sha256::new(),
            bytes: 0,
        }
    }

    /// What was read so far, and how many bytes that is.
    pub fn finish(self) -> (Digest, u64) {
        (Digest::from_bytes(&self.hash.finalize().into()), self.bytes)
    }
}

impl<R: Read> Read for HashRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Hashes and counts what is written.
pub struct HashWrite<W> {
    inner: W,
    hash: sha2::Sha256,
    bytes: u64,
}

impl<W> HashWrite<W> {
    /// From its beginning.
    pub fn new(inner: W) -> HashWrite<W> {
        HashWrite {
            inner,
            hash: sha2::Sha256::new(),
            bytes: 0,
        }
    }

    /// What was written, how many bytes that is, and where it went.
    pub fn finish(self) -> (Digest, u64, W) {
        (Digest::from_bytes(&self.hash.finalize().into()), self.bytes, self.inner)
    }
}

impl<W: Write> Write for HashWrite<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hash.update(buffer.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The digest of some bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&sha2::Sha256::digest(bytes).into())
}
