//! A root filesystem that one step changes: layers below, and a directory that takes the changes.

use super::sandbox::Root;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Layers, and what is changed over them. The changes are in overlayfs' form (whiteouts are
/// character devices 0:0, opaque directories have the `overlay.opaque` attribute).
#[derive(Debug)]
pub struct Snapshot {
    directory: PathBuf,
    lowers: Vec<PathBuf>,
}

impl Snapshot {
    /// A new one in `directory`, which is made and must be the caller's alone; over `lowers`, the
    /// lowest first.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn create(directory: impl Into<PathBuf>, lowers: Vec<PathBuf>) -> io::Result<Snapshot> {
        let directory = directory.into();
        for name in ["upper", "work", "mount"] {
            fs::create_dir_all(directory.join(name))?;
        }
        Ok(Snapshot { directory, lowers })
    }

    /// For [`RunSpec::root`](super::sandbox::RunSpec::root).
    pub fn root(&self) -> Root {
        Root::Overlay {
            lowers: self.lowers.clone(),
            upper: self.directory.join("upper"),
            work: self.directory.join("work"),
            mountpoint: self.directory.join("mount"),
        }
    }

    /// The directory that has the changes, to become a layer.
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
