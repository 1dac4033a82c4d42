//! What an archive may be.

/// What an archive may be before it is refused. The defaults let every image pass that an engine is
/// known to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries.
    pub entries: u64,
    /// Bytes of all files in it.
    pub bytes: u64,
    /// Uncompressed bytes for each compressed one, past [`ratio_floor`](Self::ratio_floor).
    pub ratio: u64,
    /// Uncompressed bytes at which the ratio begins to count: files of zeros are legitimate.
    pub ratio_floor: u64,
    /// Bytes of one path.
    pub path: usize,
    /// Directories in one path.
    pub depth: usize,
    /// Bytes of one extension header: long names, extended attributes.
    pub header: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            entries: 8_000_000,
            bytes: 256 << 30,
            ratio: 200,
            ratio_floor: 16 << 30,
            path: 4096,
            depth: 512,
            header: 1 << 20,
        }
    }
}
