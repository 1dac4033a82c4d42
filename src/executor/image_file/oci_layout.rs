//! OCI layouts: `index.json`, and blobs by digest.

use super::manifest::{self, Descriptor, Document};
use super::{FileLayer, ImageFile, assemble, digest_of, read_json};
use crate::executor::config::Platform;
use crate::executor::contents::LayerSource;
use crate::executor::digest::Digest;
use crate::executor::error::Error;
use std::path::{Path, PathBuf};

/// The annotation that names an image.
const NAME: &str = "org.opencontainers.image.ref.name";
/// containerd's annotation with the full name.
const FULL_NAME: &str = "io.containerd.image.name";
/// Indexes in indexes.
const DEPTH: usize = 4;

fn blob(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("blobs").join("sha256").join(digest.hex())
}

pub(super) fn open(folder: &Path, name: Option<&str>, platform: &Platform) -> Result<ImageFile, Error> {
    let what = format!("the image oci:{}", folder.display());
    let refused = |why: String| Error::Refused {
        what: what.clone(),
        why,
    };
    let index_path = folder.join("index.json");
    if !index_path.exists() {
        return Err(Error::Image {
            reference: format!("oci:{}", folder.display()),
            why: "there is no index.json in that folder".to_owned(),
            help: Some("name the folder of an OCI layout, such as `mbopt build -o oci:DIR` makes".to_owned()),
        });
    }
    let index = read_json(&LayerSource::Tar(index_path), &what)?;
    let Document::Index(entries) = manifest::parse(&index).map_err(refused)? else {
        return Err(refused("its index.json is no index".to_owned()));
    };
    let entries = named(entries, name).map_err(|why| Error::Image {
        reference: format!("oci:{}", folder.display()),
        why,
        help: Some("write oci:DIR:NAME".to_owned()),
    })?;
    let mut entry = manifest::choose(&entries, platform).map_err(refused)?.clone();
    for _ in 0..DEPTH {
        let json = checked(folder, &entry, &what)?;
        match manifest::parse(&json).map_err(refused)? {
            Document::Index(entries) => entry = manifest::choose(&entries, platform).map_err(refused)?.clone(),
            Document::Image { config, layers } => {
                let config_json = checked(folder, &config, &what)?;
                let layers = layers
                    .into_iter()
                    .map(|layer| FileLayer {
                        source: LayerSource::Tar(blob(folder, &layer.digest)),
                        blob: Some(layer),
                    })
                    .collect();
                return assemble(what, entry.digest, config_json, layers, None);
            }
        }
    }
    Err(refused(format!("its indexes point to indexes more than {DEPTH} times")))
}

/// The entries of the image with a name. One image may have an entry for each platform.
fn named(entries: Vec<Descriptor>, name: Option<&str>) -> Result<Vec<Descriptor>, String> {
    let annotation = |entry: &Descriptor, key: &str| entry.annotations.as_ref().and_then(|all| all.get(key)).cloned();
    let Some(name) = name else {
        let mut names: Vec<String> = entries.iter().filter_map(|entry| annotation(entry, NAME)).collect();
        names.sort();
        names.dedup();
        if names.len() > 1 {
            return Err(format!("it holds several images: {}", names.join(", ")));
        }
        return Ok(entries);
    };
    let all: Vec<String> = entries.iter().filter_map(|entry| annotation(entry, NAME)).collect();
    let found: Vec<Descriptor> = entries
        .into_iter()
        .filter(|entry| {
            annotation(entry, NAME).as_deref() == Some(name)
                || annotation(entry, FULL_NAME).as_deref() == Some(name)
                || entry.digest.as_str() == name.trim_start_matches('@')
        })
        .collect();
    if found.is_empty() {
        return Err(format!(
            "it holds no image named {name}{}",
            if all.is_empty() {
                String::new()
            } else {
                format!("; it holds {}", all.join(", "))
            }
        ));
    }
    Ok(found)
}

/// A small blob, checked.
fn checked(folder: &Path, entry: &Descriptor, what: &str) -> Result<Vec<u8>, Error> {
    let path = blob(folder, &entry.digest);
    if !path.exists() {
        return Err(Error::Refused {
            what: what.to_owned(),
            why: format!("its blob {} is missing", entry.digest),
        });
    }
    let json = read_json(&LayerSource::Tar(path), what)?;
    let got = digest_of(&json);
    if got != entry.digest || json.len() as u64 != entry.size {
        return Err(Error::Refused {
            what: what.to_owned(),
            why: format!(
                "its blob {} has the digest {got} and {} bytes instead of {}",
                entry.digest,
                json.len(),
                entry.size
            ),
        });
    }
    Ok(json)
}
