//! Images in files: OCI layouts and `docker save` archives, read without being unpacked.
//!
//! Nothing in such a file names a path outside of it: blobs are found by digest, entries by their
//! place in the archive.

mod docker_archive;
pub mod manifest;
mod oci_layout;
mod sizes;

use super::cancel::Cancel;
use super::config::{ImageConfig, Platform};
use super::contents::{ImageContents, LayerContents, LayerSource};
use super::digest::Digest;
use super::error::Error;
use manifest::Layer;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

/// The largest manifest or config that is read: 16 MiB.
pub const MAX_JSON: u64 = 16 << 20;
/// The most layers that an image can have.
pub const MAX_LAYERS: usize = 2048;

/// An image in a file or a folder.
#[derive(Debug)]
pub struct ImageFile {
    /// For errors: `the image oci:dir`.
    pub what: String,
    /// Of its manifest; of its config where it has no manifest.
    pub digest: Digest,
    /// Its config.
    pub config: ImageConfig,
    /// The config as it is written.
    pub config_json: Vec<u8>,
    /// Its layers, lowest first; as many as the config has diff ids.
    pub layers: Vec<FileLayer>,
    /// What the layers' sources point to, where that is temporary.
    keep: Option<tempfile::TempDir>,
}

/// One layer of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLayer {
    /// Where its stream is.
    pub source: LayerSource,
    /// What a manifest says of the stream; none in a `docker save` archive.
    pub blob: Option<Layer>,
}

impl ImageFile {
    /// An image in an OCI layout: the one with this name, or the only one, for this platform.
    ///
    /// # Errors
    /// There is no such image, or it is broken.
    pub fn oci(folder: &Path, name: Option<&str>, platform: &Platform) -> Result<ImageFile, Error> {
        oci_layout::open(folder, name, platform)
    }

    /// An image in a `docker save` archive: the one with this name, or the only one. The archive may
    /// be compressed as a whole.
    ///
    /// # Errors
    /// There is no such image, or it is broken.
    pub fn docker_archive(file: &Path, name: Option<&str>, cancel: &Cancel) -> Result<ImageFile, Error> {
        docker_archive::open(file, name, cancel)
    }

    /// What is looked into. Compressed sizes are known where a manifest says them.
    ///
    /// # Errors
    /// A layer cannot be read, or is broken.
    pub fn into_contents(self, cancel: &Cancel) -> Result<ImageContents, Error> {
        let mut created_by = self
            .config
            .history
            .iter()
            .filter(|history| !history.empty_layer)
            .map(|history| history.created_by.clone());
        let mut layers = Vec::with_capacity(self.layers.len());
        for (layer, diff_id) in self.layers.into_iter().zip(&self.config.diff_ids) {
            layers.push(LayerContents {
                diff_id: diff_id.clone(),
                created_by: created_by.next().flatten(),
                unpacked_bytes: sizes::unpacked_bytes(&layer.source, &self.what, cancel)?,
                compressed_bytes: layer.blob.map(|blob| blob.size),
                source: layer.source,
            });
        }
        Ok(ImageContents {
            layers,
            keep: self.keep,
            config: self.config,
        })
    }
}

/// A layer's stream, as it is stored.
///
/// # Errors
/// The file cannot be read. A folder has no stream.
pub fn open_source(source: &LayerSource) -> Result<Take<File>, Error> {
    let (path, start, length) = match source {
        LayerSource::Tar(path) => (path, 0, u64::MAX),
        LayerSource::Part(path, start, length) => (path, *start, *length),
        LayerSource::Folder(path) => {
            return Err(Error::io("read", path)(io::Error::other(
                "it is a folder, not a stream",
            )));
        }
    };
    let mut file = open_file(path)?;
    file.seek(SeekFrom::Start(start)).map_err(Error::io("read", path))?;
    Ok(file.take(length))
}

/// Opens a regular file; never waits for a pipe.
pub(super) fn open_file(path: &Path) -> Result<File, Error> {
    let meta = std::fs::metadata(path).map_err(Error::io("open", path))?;
    if !meta.is_file() {
        return Err(Error::io("read", path)(io::Error::other("it is no regular file")));
    }
    File::open(path).map_err(Error::io("open", path))
}

/// The first bytes of a stream, as many as tell how it is compressed.
fn read_start(source: &LayerSource) -> Result<Vec<u8>, Error> {
    let mut first = Vec::new();
    open_source(source)?
        .take(6)
        .read_to_end(&mut first)
        .map_err(Error::io("read", source.path()))?;
    Ok(first)
}

fn read_json(source: &LayerSource, what: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let path = source.path();
    open_source(source)?
        .take(MAX_JSON + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    if bytes.len() as u64 > MAX_JSON {
        return Err(Error::Refused {
            what: what.to_owned(),
            why: format!("a description in it has more than {MAX_JSON} bytes"),
        });
    }
    Ok(bytes)
}

/// Config and layers, checked against each other.
fn assemble(
    what: String,
    digest: Digest,
    config_json: Vec<u8>,
    layers: Vec<FileLayer>,
    keep: Option<tempfile::TempDir>,
) -> Result<ImageFile, Error> {
    let config = manifest::config(&config_json, layers.len()).map_err(|why| Error::Refused {
        what: what.clone(),
        why,
    })?;
    Ok(ImageFile {
        what,
        digest,
        config,
        config_json,
        layers,
        keep,
    })
}

/// SHA-256 of some bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    Digest::from_bytes(&sha2::Sha256::digest(bytes).into())
}

/// `PATH[:NAME]` as `oci:` and `docker-archive:` take it. A name has no `/` before its first colon's
/// path ends; a path with a colon in it that exists is taken whole.
pub fn split_name(text: &str) -> (PathBuf, Option<&str>) {
    if Path::new(text).exists() {
        return (PathBuf::from(text), None);
    }
    // The shortest path that exists: a name may hold colons.
    for (at, _) in text.match_indices(':') {
        let (path, name) = text.split_at(at);
        if Path::new(path).exists() {
            return (PathBuf::from(path), name.get(1..).filter(|name| !name.is_empty()));
        }
    }
    (PathBuf::from(text), None)
}
