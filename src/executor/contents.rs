//! An image from the inside: its config and its layers.

use super::config::ImageConfig;
use super::digest::Digest;
use std::path::{Path, PathBuf};

/// An image's config and layers.
#[derive(Debug)]
pub struct ImageContents {
    /// The config.
    pub config: ImageConfig,
    /// The layers, lowest first; as many as the config has diff ids.
    pub layers: Vec<LayerContents>,
    /// Keeps what the layers' sources point to; removed with this value.
    pub keep: Option<tempfile::TempDir>,
}

/// One layer.
#[derive(Debug, Clone)]
pub struct LayerContents {
    /// Of the uncompressed tar stream.
    pub diff_id: Digest,
    /// The history entry that made it.
    pub created_by: Option<String>,
    /// The sum of the sizes of the regular files in it.
    pub unpacked_bytes: u64,
    /// As gzip -6 makes it, or what the registry's manifest says; none where not known yet.
    pub compressed_bytes: Option<u64>,
    /// Where its files are.
    pub source: LayerSource,
}

/// Where a layer's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerSource {
    /// A tar file: plain, gzip or zstd, told by its first bytes.
    Tar(PathBuf),
    /// Part of a file that holds a tar stream: begin and length in bytes.
    Part(PathBuf, u64, u64),
    /// An unpacked folder of the store, whiteouts in overlayfs' form.
    Folder(PathBuf),
}

impl LayerSource {
    /// The file, or the folder.
    pub fn path(&self) -> &Path {
        match self {
            LayerSource::Tar(path) | LayerSource::Part(path, ..) | LayerSource::Folder(path) => path,
        }
    }
}
