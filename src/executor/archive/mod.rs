//! Tar streams as layers, `ADD` and engines' archives have them: read within limits, and never
//! trusted.
//!
//! The headers' fields are read by the `tar` crate. Its iterator is not used, for three reasons: it
//! reads extension headers of any length into memory, it cuts their records at line ends (and a
//! file capability may hold that byte), and it gives no say over entries that describe others.

mod compression;
mod limits;
mod member;
mod pax;
mod reader;

pub use compression::{Compression, Decompressed, decompress};
pub use limits::Limits;
pub use member::{Kind, Member, Time, components, display as member_display};
pub use pax::append as append_record;
pub use reader::{Reader, Skip};

/// What is wrong with an archive. The caller knows which archive, and makes an
/// [`Error::Refused`](super::Error::Refused) of it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Bad(pub String);

impl Bad {
    /// About an archive of this name.
    pub fn of(self, what: &str) -> super::Error {
        super::Error::Refused {
            what: what.to_owned(),
            why: self.0,
        }
    }
}

impl From<std::io::Error> for Bad {
    fn from(error: std::io::Error) -> Bad {
        Bad(match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "it ends too early; it may have been cut off".to_owned(),
            _ => format!("it cannot be read: {error}"),
        })
    }
}

/// The prefix of a file that stands for the absence of another in the layers below.
pub const WHITEOUT: &[u8] = b".wh.";
/// The file that hides what the layers below have in its directory.
pub const OPAQUE: &[u8] = b".wh..wh..opq";
/// The prefix of names that AUFS kept for itself.
pub const AUFS: &[u8] = b".wh..wh.";
/// Bytes of a tar block.
pub const BLOCK: u64 = 512;
