//! `docker save` archives: where in them the layers are.

use super::cancel::Cancel;
use super::config::ImageConfig;
use super::contents::{ImageContents, LayerContents, LayerSource};
use super::error::Error;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

/// The largest manifest or config that is read.
const MAX_JSON: u64 = 16 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    config: String,
    layers: Vec<String>,
}

/// Where an entry's bytes are.
type Part = (u64, u64);

impl ImageContents {
    /// Looks into an archive of one image, without unpacking it.
    ///
    /// # Errors
    /// It cannot be read, or is no such archive.
    pub fn of_docker_archive(path: &Path, cancel: &Cancel) -> Result<ImageContents, Error> {
        let broken = |why: &str| Error::Refused {
            what: format!("the image archive {}", path.display()),
            why: why.to_owned(),
        };
        let entries = index(path, cancel)?;
        let part = |name: &str| {
            entries
                .get(name)
                .copied()
                .ok_or_else(|| broken(&format!("it has no {name}")))
        };
        let manifests: Vec<Manifest> = serde_json::from_slice(&read(path, part("manifest.json")?)?)
            .map_err(|error| broken(&format!("its manifest.json: {error}")))?;
        let [manifest] = manifests.as_slice() else {
            return Err(broken(&format!("it holds {} images instead of one", manifests.len())));
        };
        let config = ImageConfig::from_json(&read(path, part(&manifest.config)?)?)
            .map_err(|error| broken(&format!("its config: {error}")))?;
        if config.diff_ids.len() != manifest.layers.len() {
            return Err(broken("its config and its manifest do not agree on the layers"));
        }
        let created_by: Vec<_> = config.history.iter().filter(|h| !h.empty_layer).collect();
        let mut layers = Vec::with_capacity(manifest.layers.len());
        for (index, (name, diff_id)) in manifest.layers.iter().zip(&config.diff_ids).enumerate() {
            let (start, length) = part(name)?;
            layers.push(LayerContents {
                diff_id: diff_id.clone(),
                created_by: created_by.get(index).and_then(|history| history.created_by.clone()),
                unpacked_bytes: unpacked_bytes(path, (start, length), cancel)?,
                compressed_bytes: None,
                source: LayerSource::Part(path.to_owned(), start, length),
            });
        }
        Ok(ImageContents {
            config,
            layers,
            keep: None,
        })
    }
}

fn open(path: &Path, (start, length): Part) -> Result<Take<File>, Error> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    file.seek(SeekFrom::Start(start)).map_err(Error::io("read", path))?;
    Ok(file.take(length))
}

fn read(path: &Path, (start, length): Part) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    open(path, (start, length.min(MAX_JSON)))?
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// All files by name; a link has its target's bytes (old Engines link equal layers to each other).
fn index(path: &Path, cancel: &Cancel) -> Result<HashMap<String, Part>, Error> {
    let failed = || Error::io("read", path);
    let file = File::open(path).map_err(failed())?;
    let mut archive = tar::Archive::new(file);
    let mut found = HashMap::new();
    let mut links: Vec<(String, PathBuf)> = Vec::new();
    for entry in archive.entries_with_seek().map_err(failed())? {
        cancel.check()?;
        let entry = entry.map_err(failed())?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            tar::EntryType::Symlink | tar::EntryType::Link => {
                let target = entry.link_name().map_err(failed())?.unwrap_or_default().into_owned();
                links.push((name, target));
            }
            kind if kind.is_file() => {
                found.insert(name, (entry.raw_file_position(), entry.size()));
            }
            _ => {}
        }
    }
    for (name, target) in links {
        // `../ID/layer.tar` beside the link's own folder, or a path from the root.
        let plain = target.to_string_lossy().trim_start_matches("../").to_owned();
        if let Some(part) = found.get(&plain).copied() {
            found.insert(name, part);
        }
    }
    Ok(found)
}

/// The sum of the sizes of a plain tar stream's files.
fn unpacked_bytes(path: &Path, part: Part, cancel: &Cancel) -> Result<u64, Error> {
    let failed = || Error::io("read", path);
    let mut sum: u64 = 0;
    let mut archive = tar::Archive::new(Window {
        inner: open(path, part)?,
        start: part.0,
        length: part.1,
    });
    for entry in archive.entries_with_seek().map_err(failed())? {
        cancel.check()?;
        let entry = entry.map_err(failed())?;
        if entry.header().entry_type().is_file() {
            sum = sum.saturating_add(entry.size());
        }
    }
    Ok(sum)
}

/// A part of a file in which one can seek, so that the contents of a layer's files are not read.
struct Window {
    inner: Take<File>,
    start: u64,
    length: u64,
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = self.length - self.inner.limit();
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::Current(n) => at.checked_add_signed(n),
            SeekFrom::End(n) => self.length.checked_add_signed(n),
        };
        let Some(target) = target.filter(|n| *n <= self.length) else {
            return Err(std::io::Error::other("the layer is cut off"));
        };
        self.inner.get_mut().seek(SeekFrom::Start(self.start + target))?;
        self.inner.set_limit(self.length - target);
        Ok(target)
    }
}
