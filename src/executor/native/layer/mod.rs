//! Layers on the disk: an archive becomes a directory tree as overlayfs wants its lower directories,
//! and such a tree becomes an archive again.
//!
//! Nothing here trusts a path. Every directory is opened from its parent's descriptor without
//! following links; where a link is followed, it is taken apart here, and the root stays the root.

mod extract;
#[cfg(test)]
mod hostile;
mod pack;
mod root;

pub use extract::{Extracted, Owners, Rules, Whiteouts, extract};
pub use pack::{Packed, pack};
pub use root::{Found, Root, remove_tree};

use rustix::fs::{FileType, Mode, XattrFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

/// The extended attribute by which overlayfs knows a directory that hides those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// `trusted.overlay.*`: for root.
    Trusted,
    /// `user.overlay.*`, for mounts with `userxattr`: in a user namespace.
    User,
}

impl Form {
    /// The attribute's name; its value is `y`.
    pub fn opaque(self) -> &'static str {
        match self {
            Form::Trusted => "trusted.overlay.opaque",
            Form::User => "user.overlay.opaque",
        }
    }

    /// Marks a directory.
    ///
    /// # Errors
    /// The file system keeps no such attributes, or we must not set them.
    pub fn mark_opaque(self, directory: BorrowedFd<'_>) -> std::io::Result<()> {
        Ok(rustix::fs::fsetxattr(
            directory,
            self.opaque(),
            b"y",
            XattrFlags::empty(),
        )?)
    }

    /// Whether a directory is marked.
    pub fn is_opaque(self, directory: BorrowedFd<'_>) -> bool {
        let mut value = [0u8; 4];
        rustix::fs::fgetxattr(directory, self.opaque(), &mut value)
            .is_ok_and(|length| value.get(..length) == Some(b"y"))
    }
}

/// Stands for overlayfs' sign where that cannot be made, which is on another overlay; such layers are
/// only ever copied together. No driver has this number.
fn substitute() -> u64 {
    rustix::fs::makedev(0, 1)
}

/// Whether a file is the sign for a deleted one: overlayfs' own, a character device 0:0, or what
/// stands for it.
pub fn is_whiteout(stat: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && (stat.st_rdev == 0 || stat.st_rdev == substitute())
}

/// Makes the sign for a deleted file.
///
/// # Errors
/// What the kernel says; `EXIST` where something is there.
pub fn make_whiteout(directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    let make = |number| rustix::fs::mknodat(directory, name, FileType::CharacterDevice, Mode::empty(), number);
    match make(0) {
        Err(Errno::PERM) => make(substitute()),
        made => made,
    }
}
