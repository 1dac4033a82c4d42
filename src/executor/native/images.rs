//! Base images: from where they are into the store.

use super::source::{Progress, Registries, Source};
use super::store::Store;
use super::vertex::ImageSource;
use crate::executor::cancel::Cancel;
use crate::executor::config::ImageConfig;
use crate::executor::digest::Digest;
use crate::executor::error::Error;

/// An image in the store.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub config: ImageConfig,
    pub layers: Vec<Digest>,
}

/// Looks an image up and fetches what is not there yet.
pub(super) fn resolve(
    source: &ImageSource,
    store: &Store,
    registries: &Registries,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<Found, Error> {
    let from = Source::parse(&source.name)?;
    let image = super::source::resolve(&from, &source.platform, store, registries, progress, cancel)?;
    Ok(Found {
        layers: image.layers,
        config: image.config,
    })
}
