//! Base images: from a registry, an OCI layout, a `docker save` archive, or a Docker Engine.

mod credentials;
mod failure;
mod file;
mod registry;
#[cfg(test)]
mod tests;

use super::store::{Blob, Import, KnownName, Store};
use crate::config as settings;
use crate::executor::Error;
use crate::executor::archive::Limits;
use crate::executor::cancel::Cancel;
use crate::executor::config::{ImageConfig, Platform};
use crate::executor::digest::Digest;
use crate::executor::event::{Event, Sink};
use crate::executor::image_file::{manifest, split_name};
use crate::executor::reference::Reference;
use std::fs::File;
use std::path::PathBuf;

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A registry.
    Registry(Reference),
    /// `oci:DIR[:NAME]`.
    Oci(PathBuf, Option<String>),
    /// `docker-archive:FILE[:NAME]`.
    DockerArchive(PathBuf, Option<String>),
    /// `docker-daemon:NAME`: the Docker Engine that the `docker` program reaches.
    DockerDaemon(String),
}

impl Source {
    /// Reads a name, with its kind in front where it is not a registry's.
    ///
    /// # Errors
    /// It is no image's name.
    pub fn parse(text: &str) -> Result<Source, Error> {
        let named = |rest: &str| {
            let (path, name) = split_name(rest);
            (path, name.map(str::to_owned))
        };
        if let Some(rest) = text.strip_prefix("oci:") {
            let (path, name) = named(rest);
            return Ok(Source::Oci(path, name));
        }
        if let Some(rest) = text.strip_prefix("docker-archive:") {
            let (path, name) = named(rest);
            return Ok(Source::DockerArchive(path, name));
        }
        if let Some(rest) = text.strip_prefix("docker-daemon:") {
            return Ok(Source::DockerDaemon(rest.to_owned()));
        }
        Reference::parse(text)
            .map(Source::Registry)
            .map_err(|error| Error::Image {
                reference: text.to_owned(),
                why: error.to_string(),
                help: None,
            })
    }
}

/// How registries are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registries {
    /// Registries (`docker.io`) and the hosts, with a port and a path if need be, that are asked
    /// before them.
    pub mirrors: Vec<(String, Vec<String>)>,
    /// Hosts, with their port, that speak plain HTTP. Those of this machine always may.
    pub plain_http: Vec<String>,
    /// Ask the registry even if the image is here.
    pub pull: bool,
}

impl From<&settings::Registries> for Registries {
    fn from(settings: &settings::Registries) -> Registries {
        let plain = settings.0.iter().filter(|(_, registry)| registry.plain_http);
        Registries {
            plain_http: plain.map(|(name, _)| name.clone()).collect(),
            mirrors: settings
                .0
                .iter()
                .filter(|(_, registry)| !registry.mirrors.is_empty())
                .map(|(name, registry)| (name.clone(), registry.mirrors.clone()))
                .collect(),
            pull: false,
        }
    }
}

/// An image in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedImage {
    /// Of what its name points to: an index or a manifest; of its config where it has no manifest.
    pub digest: Digest,
    /// Its config's digest.
    pub id: Digest,
    /// Its config.
    pub config: ImageConfig,
    /// Its layers' diff ids, lowest first; all of them are in the store.
    pub layers: Vec<Digest>,
}

/// Who hears of it, and as what.
#[derive(Clone, Copy)]
pub struct Progress<'a> {
    /// Who.
    pub sink: &'a dyn Sink,
    /// The step that it belongs to.
    pub vertex: usize,
}

impl Progress<'_> {
    fn tell(&self, what: &str, done: u64, total: u64) {
        self.sink.event(Event::Progress {
            vertex: self.vertex,
            what,
            done,
            total: Some(total),
        });
    }

    fn warn(&self, message: &str) {
        self.sink.event(Event::Warning { message });
    }
}

/// Gets an image into the store: its config and all its layers. What is there already is not asked
/// for again, unless [`Registries::pull`] says so; a name with a digest never has to be.
///
/// # Errors
/// [`Error::Image`] where it cannot be had: unknown, no network, no access, wrong digest;
/// [`Error::Refused`] where it is broken or malicious.
pub fn resolve(
    source: &Source,
    platform: &Platform,
    store: &Store,
    registries: &Registries,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<ResolvedImage, Error> {
    match source {
        Source::Registry(name) => {
            if let Some(known) = known(name, platform, store, registries)? {
                return Ok(known);
            }
            registry::pull(name, platform, store, registries, progress, cancel)
        }
        Source::Oci(folder, name) => file::oci(folder, name.as_deref(), platform, store, progress, cancel),
        Source::DockerArchive(path, name) => file::docker_archive(path, name.as_deref(), store, progress, cancel),
        Source::DockerDaemon(name) => file::docker_daemon(name, store, progress, cancel),
    }
}

/// The image, if all of it is in the store.
fn known(
    name: &Reference,
    platform: &Platform,
    store: &Store,
    registries: &Registries,
) -> Result<Option<ResolvedImage>, Error> {
    if registries.pull && name.digest.is_none() {
        return Ok(None);
    }
    let Some(known) = store.known_name(name, platform)? else {
        return Ok(None);
    };
    let Some(config) = store.image(&known.config)? else {
        return Ok(None);
    };
    for (index, diff_id) in config.diff_ids.iter().enumerate() {
        if store.layer(diff_id)?.is_none() {
            // Its stream may be there still.
            let Some(blob) = known.blobs.get(index) else {
                return Ok(None);
            };
            let what = layer_name(index, &name.familiar());
            match unpack_stored(store, &what, diff_id, blob, &Cancel::new()) {
                Ok(Some(())) => {}
                // A damaged one is fetched again.
                Ok(None) | Err(Error::Refused { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Some(ResolvedImage {
        digest: known.digest,
        id: known.config,
        layers: config.diff_ids.clone(),
        config,
    }))
}

fn layer_name(index: usize, image: &str) -> String {
    format!("layer {} of {image}", index + 1)
}

/// Unpacks a layer whose stream is in the store. None where it is not, or not any more what it was;
/// it is taken away then.
fn unpack_stored(
    store: &Store,
    what: &str,
    diff_id: &Digest,
    blob: &Blob,
    cancel: &Cancel,
) -> Result<Option<()>, Error> {
    let path = store.blob_path(&blob.digest);
    let Ok(file) = File::open(&path) else {
        return Ok(None);
    };
    if !file.metadata().is_ok_and(|meta| meta.len() == blob.size) {
        let _ = std::fs::remove_file(&path);
        return Ok(None);
    }
    let import = Import {
        what: what.to_owned(),
        diff_id,
        blob: Some(blob.clone()),
        limits: Limits::default(),
    };
    match store.import(file, &import, cancel) {
        Ok(_) => Ok(Some(())),
        Err(Error::Refused { what, why }) => {
            // It may be the disk's fault, or the image's; a fresh copy tells.
            let _ = std::fs::remove_file(&path);
            Err(Error::Refused { what, why })
        }
        Err(error) => Err(error),
    }
}

/// Writes down what was resolved.
fn remember(
    name: &Reference,
    platform: &Platform,
    store: &Store,
    digest: Digest,
    config_json: &[u8],
    config: ImageConfig,
    layers: &[manifest::Layer],
) -> Result<ResolvedImage, Error> {
    let id = store.put_config(config_json)?;
    let known = KnownName {
        name: format!("{name} for {platform}"),
        digest: digest.clone(),
        config: id.clone(),
        blobs: layers.iter().map(blob_of).collect(),
    };
    store.remember_name(name, platform, &known)?;
    Ok(ResolvedImage {
        digest,
        id,
        layers: config.diff_ids.clone(),
        config,
    })
}

fn blob_of(layer: &manifest::Layer) -> Blob {
    Blob {
        digest: layer.digest.clone(),
        size: layer.size,
        media_type: Some(layer.media_type.clone()),
    }
}
