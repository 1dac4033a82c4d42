//! Base images: from where they are into the store.

use super::frontend::is_transport;
use super::store::{Blob, Import, Store};
use super::vertex::ImageSource;
use crate::executor::archive::Limits;
use crate::executor::cancel::Cancel;
use crate::executor::config::ImageConfig;
use crate::executor::contents::{ImageContents, LayerSource};
use crate::executor::digest::Digest;
use crate::executor::error::Error;
use crate::executor::event::Sink;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// An image in the store.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub config: ImageConfig,
    pub layers: Vec<Digest>,
}

/// Looks an image up and fetches what is not there yet.
pub(super) fn resolve(source: &ImageSource, store: &Store, _: &dyn Sink, cancel: &Cancel) -> Result<Found, Error> {
    let Some(path) = source.name.strip_prefix("docker-archive:").filter(|_| is_transport(&source.name)) else {
        return Err(Error::Image {
            reference: source.name.clone(),
            why: "registries are not built in yet".to_owned(),
            help: Some("name an archive: `docker-archive:FILE`".to_owned()),
        });
    };
    let contents = ImageContents::of_docker_archive(Path::new(path), cancel)?;
    for layer in &contents.layers {
        if store.layer(&layer.diff_id)?.is_some() {
            continue;
        }
        let LayerSource::Part(file, start, length) = &layer.source else { continue };
        let mut stream = File::open(file).map_err(Error::io("open", file))?;
        stream.seek(SeekFrom::Start(*start)).map_err(Error::io("read", file))?;
        let import = Import {
            what: format!("a layer of {}", source.name),
            diff_id: &layer.diff_id,
            blob: None::<Blob>,
            limits: Limits::default(),
        };
        store.import(stream.take(*length), &import, cancel)?;
    }
    Ok(Found {
        layers: contents.config.diff_ids.clone(),
        config: contents.config,
    })
}
