//! Images, what names mean, and the build cache.

use super::files::digest_of;
use super::{Blob, Store};
use crate::executor::Error;
use crate::executor::config::{ImageConfig, Platform};
use crate::executor::digest::Digest;
use crate::executor::reference::Reference;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// What a name meant when it was last resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownName {
    /// For people: the name and the platform.
    pub name: String,
    /// The digest of what the name points to: a manifest, or an index of several.
    pub digest: Digest,
    /// The image's config.
    pub config: Digest,
    /// Its layers as the registry has them, lowest first.
    pub blobs: Vec<Blob>,
}

/// A result of a build step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheEntry {
    /// The layers that it needs; an entry that lacks one counts for nothing.
    pub layers: Vec<Digest>,
    /// Whatever else its maker wants to find again.
    pub value: Value,
}

impl Store {
    /// Keeps an image's config as it is written; gives its digest.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn put_config(&self, json: &[u8]) -> Result<Digest, Error> {
        let digest = digest_of(json);
        let path = self.path("images", &digest, ".json");
        if !path.exists() {
            self.publish(&path, json)?;
        }
        Ok(digest)
    }

    /// Keeps an image that was built; its id is its config's digest.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn put_image(&self, config: &ImageConfig) -> Result<Digest, Error> {
        self.put_config(&config.to_json())
    }

    /// An image's config as it was written; none where it is not there or not what it was.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn config_json(&self, id: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path("images", id, ".json");
        let json = read(&path)?.filter(|json| digest_of(json) == *id);
        if json.is_some() {
            touch(&path);
        }
        Ok(json)
    }

    /// An image's config; none where it is not there.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn image(&self, id: &Digest) -> Result<Option<ImageConfig>, Error> {
        let json = self.config_json(id)?;
        Ok(json.and_then(|json| ImageConfig::from_json(&json).ok()))
    }

    /// Forgets an image; its layers stay until they are pruned.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove_image(&self, id: &Digest) -> Result<(), Error> {
        remove(&self.path("images", id, ".json"))
    }

    fn name_path(&self, name: &Reference, platform: &Platform) -> std::path::PathBuf {
        self.path("names", &digest_of(format!("{name}\n{platform}").as_bytes()), ".json")
    }

    /// What a name means on a platform, as far as it is known here.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn known_name(&self, name: &Reference, platform: &Platform) -> Result<Option<KnownName>, Error> {
        let path = self.name_path(name, platform);
        let known = read(&path)?.and_then(|json| serde_json::from_slice(&json).ok());
        if known.is_some() {
            touch(&path);
        }
        Ok(known)
    }

    /// Remembers what a name means on a platform.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remember_name(&self, name: &Reference, platform: &Platform, known: &KnownName) -> Result<(), Error> {
        self.publish(
            &self.name_path(name, platform),
            &serde_json::to_vec(known).unwrap_or_default(),
        )
    }

    /// The result of a build step, by its cache key; none where one of its layers is gone.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn cached(&self, key: &Digest) -> Result<Option<CacheEntry>, Error> {
        let path = self.path("cache", key, ".json");
        let Some(entry) = read(&path)?.and_then(|json| serde_json::from_slice::<CacheEntry>(&json).ok()) else {
            return Ok(None);
        };
        for layer in &entry.layers {
            if self.layer(layer)?.is_none() {
                remove(&path)?;
                return Ok(None);
            }
        }
        touch(&path);
        Ok(Some(entry))
    }

    /// Remembers the result of a build step.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn cache(&self, key: &Digest, entry: &CacheEntry) -> Result<(), Error> {
        self.publish(
            &self.path("cache", key, ".json"),
            &serde_json::to_vec(entry).unwrap_or_default(),
        )
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Notes a use.
fn touch(path: &Path) {
    let _ = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
}
