//! Images in files.

use super::{Progress, ResolvedImage, blob_of, layer_name};
use crate::executor::Error;
use crate::executor::archive::Limits;
use crate::executor::cancel::Cancel;
use crate::executor::config::Platform;
use crate::executor::engine::EngineName;
use crate::executor::image_file::{ImageFile, open_source};
use crate::executor::native::store::{Import, Store};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(super) fn oci(
    folder: &Path,
    name: Option<&str>,
    platform: &Platform,
    store: &Store,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<ResolvedImage, Error> {
    import(ImageFile::oci(folder, name, platform)?, store, progress, cancel)
}

pub(super) fn docker_archive(
    path: &Path,
    name: Option<&str>,
    store: &Store,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<ResolvedImage, Error> {
    import(ImageFile::docker_archive(path, name, cancel)?, store, progress, cancel)
}

/// Takes an image from the Docker Engine that the `docker` program reaches.
pub(super) fn docker_daemon(
    name: &str,
    store: &Store,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<ResolvedImage, Error> {
    let failed = |why: String| Error::Image {
        reference: format!("docker-daemon:{name}"),
        why,
        help: Some("look at `docker image ls`, and at DOCKER_HOST".to_owned()),
    };
    // It becomes an argument.
    if name.is_empty() || name.starts_with('-') {
        return Err(failed("that is no image's name".to_owned()));
    }
    let scratch = store.scratch()?;
    let path = scratch.path().join("image.tar");
    let mut child = Command::new("docker")
        .args(["image", "save", "--output"])
        .arg(&path)
        .arg(name)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Error::Unavailable {
            engine: EngineName::Docker,
            why: format!("the `docker` program cannot be started: {error}"),
            help: "install Docker's command line, or name an image in a registry".to_owned(),
        })?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if cancel.wait(Duration::from_millis(50)) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Error::Cancelled);
            }
            Ok(None) => {}
            Err(error) => return Err(failed(error.to_string())),
        }
    };
    if !status.success() {
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            let _ = std::io::Read::read_to_string(&mut std::io::Read::take(&mut stderr, 2000), &mut said);
        }
        return Err(failed(said.trim().to_owned()));
    }
    docker_archive(&path, None, store, progress, cancel)
}

fn import(image: ImageFile, store: &Store, progress: Progress<'_>, cancel: &Cancel) -> Result<ResolvedImage, Error> {
    let short = image.what.strip_prefix("the image ").unwrap_or(&image.what).to_owned();
    let count = image.layers.len() as u64;
    for (index, (layer, diff_id)) in image.layers.iter().zip(&image.config.diff_ids).enumerate() {
        cancel.check()?;
        progress.tell("layers", index as u64, count);
        if store.layer(diff_id)?.is_some() {
            continue;
        }
        let _alone = store.alone(diff_id)?;
        let import = Import {
            what: layer_name(index, &short),
            diff_id,
            blob: layer.blob.as_ref().map(blob_of),
            limits: Limits::default(),
        };
        store.import(open_source(&layer.source)?, &import, cancel)?;
    }
    progress.tell("layers", count, count);
    let id = store.put_config(&image.config_json)?;
    Ok(ResolvedImage {
        digest: image.digest,
        id,
        layers: image.config.diff_ids.clone(),
        config: image.config,
    })
}
