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

use rustix::fs::XattrFlags;
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

/// Whether a file is overlayfs' sign for a deleted one: a character device 0:0.
pub fn is_whiteout(stat: &rustix::fs::Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::CharacterDevice && stat.st_rdev == 0
}
