//! An image's layers where an engine on this machine keeps them.
//!
//! `docker save` writes all of an image to a new file, base image included, which takes longer than many
//! builds. Docker's `overlay2` and Podman's `overlay` keep each layer as a folder in overlayfs' form,
//! and say where; root on the same machine reads them there. Nothing is believed unseen: the config is
//! the one whose digest is the image's id, and what cannot be read is read from an archive instead.

use super::Client;
use crate::executor::cancel::Cancel;
use crate::executor::config::ImageConfig;
use crate::executor::contents::{ImageContents, LayerContents, LayerSource};
use crate::executor::engine::ImageId;
use crate::executor::error::Error;
use crate::executor::image_file::digest_of;
use crate::executor::root_tree::layer_sum;
use rayon::prelude::*;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest config that is read, in bytes.
const LONGEST: u64 = 16 << 20;
/// The most files that are looked through for a config.
const MOST: usize = 64;

/// What `image inspect` says of where an image is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Driver {
    name: String,
    #[serde(default)]
    data: Folders,
}

/// The folders of overlayfs, as it takes them: the highest layer first.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Folders {
    #[serde(default)]
    lower_dir: String,
    #[serde(default)]
    upper_dir: String,
}

/// An image's config and layers as they lie; none where they cannot be read so, for whatever reason.
///
/// # Errors
/// Only [`Error::Cancelled`].
pub(super) fn contents(client: &Client, image: &ImageId, cancel: &Cancel) -> Result<Option<ImageContents>, Error> {
    if !rustix::process::geteuid().is_root() || !is_plain() {
        return Ok(None);
    }
    let Some((config, folders)) = found(client, image) else {
        return Ok(None);
    };
    let sums: Vec<_> = folders.par_iter().map(|folder| layer_sum(folder, cancel)).collect();
    cancel.check()?;
    let mut made = config.history.iter().filter(|entry| !entry.empty_layer);
    let mut layers = Vec::with_capacity(folders.len());
    for ((folder, diff_id), sum) in folders.into_iter().zip(&config.diff_ids).zip(sums) {
        let Ok(sum) = sum else { return Ok(None) };
        layers.push(LayerContents {
            diff_id: diff_id.clone(),
            created_by: made.next().and_then(|entry| entry.created_by.clone()),
            unpacked_bytes: sum.bytes,
            compressed_bytes: None,
            source: LayerSource::Folder(folder),
        });
    }
    Ok(Some(ImageContents {
        config,
        layers,
        keep: None,
    }))
}

/// Layers may say more than the files in them where the kernel renames folders or copies their
/// descriptions alone.
fn is_plain() -> bool {
    ["redirect_dir", "metacopy"].iter().all(|setting| {
        let said = fs::read_to_string(format!("/sys/module/overlay/parameters/{setting}"));
        said.is_ok_and(|said| said.trim() == "N")
    })
}

/// The config, and a folder for each of its layers, the lowest first.
fn found(client: &Client, image: &ImageId) -> Option<(ImageConfig, Vec<PathBuf>)> {
    let said = client
        .ask(&[
            "image",
            "inspect",
            "--format",
            "{{.Id}} {{json .GraphDriver}}",
            &image.0,
        ])
        .ok()?;
    let (id, driver) = said.split_once(' ')?;
    let driver: Driver = serde_json::from_str(driver).ok()?;
    if !matches!(driver.name.as_str(), "overlay2" | "overlay") {
        return None;
    }
    let upper = PathBuf::from(&driver.data.upper_dir);
    let lower = driver.data.lower_dir.split(':').filter(|folder| !folder.is_empty());
    let mut folders: Vec<PathBuf> = lower.rev().map(PathBuf::from).collect();
    folders.push(upper.clone());
    // ROOT/overlay2/LAYER/diff.
    let root = upper.ancestors().nth(3)?;
    let config = config(root, &driver.name, id.trim_start_matches("sha256:"))?;
    let all = folders.len() == config.diff_ids.len() && folders.iter().all(|folder| folder.is_dir());
    all.then_some((config, folders))
}

/// The config with this digest: Docker names the file after it, Podman puts it among few others.
fn config(root: &Path, driver: &str, hex: &str) -> Option<ImageConfig> {
    let is_hex = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let read = |path: &Path| {
        let known = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let bytes = (known.len() <= LONGEST).then(|| fs::read(path).ok()).flatten()?;
        (digest_of(&bytes).hex() == hex).then_some(bytes)
    };
    let bytes = match (is_hex, driver) {
        (false, _) => None,
        (true, "overlay2") => read(&root.join("image/overlay2/imagedb/content/sha256").join(hex)),
        (true, _) => {
            let folder = fs::read_dir(root.join("overlay-images").join(hex)).ok()?;
            let mut files = folder.flatten().take(MOST).map(|entry| entry.path());
            files.find_map(|path| read(&path))
        }
    };
    ImageConfig::from_json(&bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_known_by_its_digest() {
        let root = tempfile::tempdir().unwrap();
        let text = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let hex = digest_of(text).hex().to_owned();
        let docker = root.path().join("image/overlay2/imagedb/content/sha256");
        let podman = root.path().join("overlay-images").join(&hex);
        for folder in [&docker, &podman] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(docker.join(&hex), text).unwrap();
        fs::write(podman.join("manifest"), "{}").unwrap();
        fs::write(podman.join("=c2hhMjU2"), text).unwrap();
        assert!(config(root.path(), "overlay2", &hex).is_some());
        assert!(config(root.path(), "overlay", &hex).is_some());
        fs::write(docker.join(&hex), "{}").unwrap();
        assert!(config(root.path(), "overlay2", &hex).is_none());
        assert!(config(root.path(), "overlay2", "../../x").is_none());
    }
}
