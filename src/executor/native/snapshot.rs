//! A root filesystem that one step changes: layers below, and a directory that takes the changes.

use super::copied::{self, Manifest};
use super::layer::Form;
use super::sandbox::Root;
use super::tree;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How a snapshot puts layers together; what
/// [`Sandbox::backing`](super::sandbox::Sandbox::backing) and [`Backing::in_folder`] find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backing {
    /// Overlayfs merges them; nothing is copied.
    #[default]
    Overlay,
    /// They are copied together, by reflinks where the file system has them.
    Copies,
}

impl Backing {
    /// What works in a folder, by a trial that leaves nothing behind; the caller has the right to
    /// mount.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn in_folder(folder: &Path, form: Form) -> io::Result<Backing> {
        let place = tempfile::Builder::new().prefix("probe-").tempdir_in(folder)?;
        let empty = place.path().join("empty");
        fs::create_dir(&empty)?;
        let trial = Snapshot::create(place.path().join("s"), Vec::new())?;
        match trial.open(form, &empty) {
            Ok(mount) => {
                drop(mount);
                Ok(Backing::Overlay)
            }
            Err(errno) if tree::is_no_overlay(errno) => Ok(Backing::Copies),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Layers, and what is changed over them.
#[derive(Debug)]
pub struct Snapshot {
    directory: PathBuf,
    lowers: Vec<PathBuf>,
    /// What a copied root held before.
    manifest: Option<Manifest>,
}

impl Snapshot {
    /// A new one in `directory`, which is made and must be the caller's alone; over `lowers`, the
    /// lowest first. Overlayfs merges them.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn create(directory: impl Into<PathBuf>, lowers: Vec<PathBuf>) -> io::Result<Snapshot> {
        Snapshot::create_as(Backing::Overlay, directory, lowers)
    }

    /// As [`create`](Self::create), in the way that works here.
    ///
    /// # Errors
    /// The directory cannot be made, or layers cannot be copied: no space.
    pub fn create_as(backing: Backing, directory: impl Into<PathBuf>, lowers: Vec<PathBuf>) -> io::Result<Snapshot> {
        let directory = directory.into();
        for name in ["upper", "work"] {
            fs::create_dir_all(directory.join(name))?;
        }
        let mut snapshot = Snapshot {
            directory,
            lowers,
            manifest: None,
        };
        if backing == Backing::Copies {
            let root = snapshot.copy();
            fs::create_dir(&root)?;
            copied::merge(&snapshot.lowers, &root)?;
            snapshot.manifest = Some(Manifest::of(&root)?);
        }
        Ok(snapshot)
    }

    fn copy(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// For [`RunSpec::root`](super::sandbox::RunSpec::root), mounted on a directory of its own.
    pub fn root(&self) -> Root {
        let mountpoint = self.directory.join("mount");
        // Where it cannot be made, nothing can be mounted there, which the sandbox says.
        let _ = fs::create_dir(&mountpoint);
        self.root_on(mountpoint)
    }

    /// The same, mounted on a directory that is there; as only the sandbox sees what it mounts, any
    /// number of them can share it.
    pub fn root_on(&self, mountpoint: PathBuf) -> Root {
        if self.manifest.is_some() {
            return Root::Directory {
                path: self.copy(),
                mountpoint,
            };
        }
        Root::Overlay {
            lowers: self.lowers.clone(),
            upper: self.directory.join("upper"),
            work: self.directory.join("work"),
            mountpoint,
        }
    }

    /// The root as a directory of this process, changes going where they belong; `empty` is an empty
    /// directory.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(&self, form: Form, empty: &Path) -> Result<OwnedFd, Errno> {
        if self.manifest.is_some() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            return rustix::fs::open(self.copy(), flags, Mode::empty());
        }
        let work = self.directory.join("work");
        tree::merged(&self.lowers, Some((&self.upper(), &work)), form, empty)
    }

    /// To be called when everything was run: gives the directory that has the changes, in overlayfs'
    /// form (deleted files are character devices 0:0, replaced directories are marked as `form` has
    /// it), to become a layer. Nothing can be run in it afterwards.
    ///
    /// # Errors
    /// Changes cannot be told: the disk is full.
    pub fn finish(&mut self, form: Form) -> io::Result<PathBuf> {
        if let Some(manifest) = self.manifest.take() {
            copied::changes(&manifest, &self.copy(), &self.upper(), form)?;
            fs::remove_dir_all(self.copy())?;
        }
        Ok(self.upper())
    }

    /// The directory that has the changes; in full only after [`finish`](Self::finish).
    pub fn upper(&self) -> PathBuf {
        self.directory.join("upper")
    }

    /// What is below of the changes, the lowest first.
    pub fn lowers(&self) -> &[PathBuf] {
        &self.lowers
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Removes it with everything in it.
    pub fn remove(self) {
        // What cannot be removed now is swept with the store's other leftovers.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
