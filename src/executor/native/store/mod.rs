//! What the native engine keeps on the disk: blobs, unpacked layers, images, the build cache.
//!
//! ```text
//! lock                  held shared by every user of the store, exclusively to prune
//! blobs/sha256/HEX      compressed layers as they came
//! layers/HEX/fs         a layer's files, by diff id, as overlayfs wants a lower directory
//! layers/HEX/record.json   what is known of it; its time is that of its last use
//! images/HEX.json       image configs, by their digest
//! names/HEX.json        what a name meant when it was last asked for
//! cache/HEX.json        results of build steps, by cache key
//! mounts/HEX            directories of RUN --mount=type=cache
//! locks/                one for each thing that is being fetched or used alone
//! tmp/                  a directory for each process, with a lock beside it
//! ```
//!
//! Everything is made under `tmp` and comes to be with one rename, so that a process killed at any
//! moment leaves nothing half-made; what it leaves in `tmp` is swept by the next one. The kernel
//! may still hold in memory what was renamed when the power fails: a layer that was made in another
//! boot and not known to be on the disk is made or checked anew ([`Store::layer`]), and blobs are
//! checked against their digests whenever they are read.

mod arrival;
mod files;
#[cfg(test)]
mod kill;
mod layers;
mod prune;
mod records;
#[cfg(test)]
mod tests;

pub use files::{HashRead, HashWrite, Lock, Scratch, digest_of};
pub use layers::{Blob, Import, LayerDir, LayerRecord, LayerStream};
pub use prune::{Prune, Pruned, Usage};
pub use records::{CacheEntry, KnownName};

use super::layer::{Form, Owners};
use crate::executor::Error;
use crate::executor::digest::Digest;
use rustix::fs::{Mode, OFlags, XattrFlags};
use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Where the store is, and how large it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Its folder.
    pub root: PathBuf,
    /// Bytes on the disk past which what was not used for longest is dropped after a build. None is
    /// no limit.
    pub size_limit: Option<u64>,
}

/// The size limit where none is set: 40 GiB.
pub const SIZE_LIMIT: u64 = 40 << 30;

impl Options {
    /// `$XDG_CACHE_HOME/mbopt`, or `~/.cache/mbopt`; none where neither variable is set.
    pub fn default_root() -> Option<PathBuf> {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
        Some(cache.join("mbopt"))
    }

    /// The default place and limit.
    ///
    /// # Errors
    /// Neither `XDG_CACHE_HOME` nor `HOME` is set.
    pub fn from_environment() -> Result<Options, Error> {
        let root = Options::default_root().ok_or_else(|| Error::Unavailable {
            engine: crate::executor::EngineName::Native,
            why: "there is no folder for its store".to_owned(),
            help: "set XDG_CACHE_HOME or HOME to an absolute path".to_owned(),
        })?;
        Ok(Options::at(root))
    }

    /// At this place.
    pub fn at(root: impl Into<PathBuf>) -> Options {
        Options {
            root: root.into(),
            size_limit: Some(SIZE_LIMIT),
        }
    }
}

/// The store. Cheap to clone; the clones share one lock and one temporary directory.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    size_limit: Option<u64>,
    form: Form,
    owners: Owners,
    boot: String,
    tmp: PathBuf,
    /// Held until the end, after which `tmp` is anybody's to sweep.
    tmp_lock: Option<Lock>,
    /// The store's own lock, shared.
    lock: Option<File>,
    counter: AtomicU64,
    sweeper: Arc<files::Sweeper>,
    /// Something was added.
    grown: AtomicBool,
    /// Layers whose last use was noted by this process.
    used: Mutex<HashSet<Digest>>,
}

/// The folders in a store.
// What refers to something stands before it: whoever empties them in this order and is killed leaves
// nothing that refers to what is gone.
const FOLDERS: &[&str] = &[
    "names",
    "images",
    "cache",
    "layers",
    "blobs/sha256",
    "mounts",
    "locks",
    "tmp",
];

impl Store {
    /// Opens the store, or makes it; sweeps what killed processes left. Waits while another process
    /// prunes.
    ///
    /// Root and users have stores of different forms; a user namespace's own root counts as a user.
    ///
    /// # Errors
    /// The folder cannot be made or written, or its file system keeps no extended attributes.
    pub fn open(options: &Options) -> Result<Store, Error> {
        let base = &options.root;
        make_folder(base)?;
        let probe = form_of(base)?;
        let root = base.join(match probe {
            Form::Trusted => "store",
            Form::User => "store-user",
        });
        make_folder(&root)?;
        for folder in FOLDERS {
            make_folder(&root.join(folder))?;
        }
        let lock_path = root.join("lock");
        let lock = files::open_lock(&lock_path)?;
        lock.lock_shared().map_err(Error::io("lock", &lock_path))?;
        files::sweep(&root)?;
        let (tmp, tmp_lock) = files::own_folder(&root)?;
        Ok(Store {
            inner: Arc::new(Inner {
                size_limit: options.size_limit,
                form: probe,
                owners: if rustix::process::geteuid().is_root() {
                    Owners::Archive
                } else {
                    Owners::Mine
                },
                boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")
                    .map(|id| id.trim().to_owned())
                    .unwrap_or_default(),
                tmp,
                tmp_lock: Some(tmp_lock),
                lock: Some(lock),
                counter: AtomicU64::new(0),
                sweeper: Arc::default(),
                grown: AtomicBool::new(false),
                used: Mutex::default(),
                root,
            }),
        })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// By which attributes its layers hide directories: how overlayfs has to be mounted on them.
    pub fn form(&self) -> Form {
        self.inner.form
    }

    /// Whether files get the owners that a layer gives them: not where a user works outside of a
    /// user namespace.
    pub fn keeps_owners(&self) -> bool {
        self.inner.owners == Owners::Archive
    }

    /// A new directory on the store's file system, gone with the value: for snapshots.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn scratch(&self) -> Result<Scratch, Error> {
        let path = self.fresh();
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        Ok(Scratch::new(path, self.inner.sweeper.clone()))
    }

    /// Waits until this process alone has the thing of this name, and keeps it until the value is
    /// dropped: a layer that is fetched, a locked cache directory.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn alone(&self, name: &Digest) -> Result<Lock, Error> {
        let path = self.path("locks", name, "");
        let file = files::open_lock(&path)?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(Lock::new(file))
    }

    /// The directory of a `RUN --mount=type=cache`, by what identifies it; made where it is missing.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn cache_mount(&self, id: &Digest) -> Result<PathBuf, Error> {
        let path = self.path("mounts", id, "");
        match fs::create_dir(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Error::io("create", &path)(error));
            }
            _ => {}
        }
        // The time says when it was last used.
        let now = std::time::SystemTime::now();
        let _ = File::open(&path).and_then(|folder| folder.set_modified(now));
        Ok(path)
    }

    fn path(&self, folder: &str, digest: &Digest, suffix: &str) -> PathBuf {
        let mut name = digest.hex().to_owned();
        name.push_str(suffix);
        let mut path = self.inner.root.join(folder);
        path.push(name);
        path
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sweeper.finish();
        files::remove_folder(&self.tmp);
        let lock_file = self.tmp.with_extension("lock");
        let _ = fs::remove_file(lock_file);
        self.tmp_lock = None;
        if self.grown.load(Ordering::Relaxed)
            && let (Some(lock), Some(limit)) = (self.lock.take(), self.size_limit)
        {
            let _ = lock.unlock();
            // Somebody else's use of the store is more important than its size.
            if lock.try_lock().is_ok() {
                let _ = prune::trim(&self.root, limit);
            }
        }
    }
}

fn make_folder(path: &Path) -> Result<(), Error> {
    // Nobody else is to find setuid programs or devices in there.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::io("create", path))
}

/// Tries which attributes can be set there.
fn form_of(folder: &Path) -> Result<Form, Error> {
    let directory = rustix::fs::open(
        folder,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|errno| Error::io("open", folder)(errno.into()))?;
    for (form, name) in [(Form::Trusted, "trusted.mbopt"), (Form::User, "user.mbopt")] {
        match rustix::fs::fsetxattr(&directory, name, b"y", XattrFlags::empty()) {
            Ok(()) => return Ok(form),
            Err(rustix::io::Errno::PERM) => {}
            Err(rustix::io::Errno::NOTSUP) => break,
            Err(errno) => return Err(Error::io("set an extended attribute of", folder)(errno.into())),
        }
    }
    Err(Error::Unavailable {
        engine: crate::executor::EngineName::Native,
        why: format!(
            "the file system of {} keeps no extended attributes, which layers need",
            folder.display()
        ),
        help: "set XDG_CACHE_HOME to a folder on ext4, xfs, btrfs, or a recent tmpfs".to_owned(),
    })
}
