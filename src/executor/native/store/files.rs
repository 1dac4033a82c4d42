//! Locks, temporary directories, files that come to be at once, bytes that are counted and hashed.

use super::super::layer::remove_tree;
use super::Store;
use crate::executor::Error;
use crate::executor::digest::Digest;
use sha2::Digest as _;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

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

/// A directory that is gone with the value, or soon after.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    sweeper: Arc<Sweeper>,
}

impl Scratch {
    pub(super) fn new(path: PathBuf, sweeper: Arc<Sweeper>) -> Scratch {
        Scratch { path, sweeper }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.sweeper.remove(std::mem::take(&mut self.path));
    }
}

/// So many threads remove at most; they wait for the disk, not for a processor.
const SWEEPERS: usize = 3;
/// So many directories wait at most, so that a disk which is nearly full is not kept so.
const WAITING: usize = 32;

/// Removes directories beside the work. A step leaves half a dozen of them (most are overlayfs' own),
/// and a file system that discards what it frees takes milliseconds for each.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    state: Mutex<Sweeping>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Sweeping {
    waiting: VecDeque<PathBuf>,
    threads: Vec<JoinHandle<()>>,
    idle: usize,
    closed: bool,
}

impl Sweeper {
    fn state(&self) -> MutexGuard<'_, Sweeping> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a directory soon; at once where there is nobody else to do it.
    pub(super) fn remove(self: &Arc<Self>, path: PathBuf) {
        let mut state = self.state();
        if !state.closed && state.idle <= state.waiting.len() && state.threads.len() < SWEEPERS {
            let own = self.clone();
            let thread = thread::Builder::new().name("sweeper".to_owned());
            if let Ok(thread) = thread.spawn(move || own.sweep()) {
                state.threads.push(thread);
            }
        }
        if state.closed || state.threads.is_empty() || state.waiting.len() >= WAITING {
            drop(state);
            return remove_folder(&path);
        }
        state.waiting.push_back(path);
        drop(state);
        self.changed.notify_one();
    }

    fn sweep(&self) {
        let mut state = self.state();
        loop {
            if let Some(path) = state.waiting.pop_front() {
                drop(state);
                remove_folder(&path);
                state = self.state();
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }

    /// Waits until everything is removed; from now on directories are removed at once.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        state.closed = true;
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.changed.notify_all();
        for thread in threads {
            let _ = thread.join();
        }
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
        let file = self.fresh();
        let done = fs::write(&file, bytes)
            .map_err(Error::io("write", &file))
            .and_then(|()| fs::rename(&file, path).map_err(Error::io("create", path)));
        if done.is_err() {
            let _ = fs::remove_file(&file);
        }
        self.grew();
        done
    }

    /// A path under this process' own directory that nothing has.
    pub(super) fn fresh(&self) -> PathBuf {
        let number = self.inner.counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.inner.tmp.join(number.to_string())
    }

    /// Takes a directory away, and removes it when there is time.
    pub(super) fn discard(&self, folder: &Path) {
        let aside = self.fresh();
        match fs::rename(folder, &aside) {
            Ok(()) => self.inner.sweeper.remove(aside),
            Err(_) => remove_folder(folder),
        }
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
