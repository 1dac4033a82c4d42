//! Images go out: an OCI layout, a `docker save` archive, the Docker Engine.

use super::gzip::gzip;
use super::store::{HashRead, HashWrite, LayerRecord, Store};
use crate::executor::Error;
use crate::executor::cancel::Cancel;
use crate::executor::config::ImageConfig;
use crate::executor::digest::Digest;
use crate::executor::engine::{EngineName, Output};
use crate::executor::image_file::digest_of;
use crate::executor::reference::Reference;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tar::{EntryType, Header};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const NAME: &str = "org.opencontainers.image.ref.name";

/// Writes an image of the store elsewhere.
///
/// # Errors
/// The image is not in the store, or the destination cannot be written; what was written of it is
/// taken away then.
pub fn export(store: &Store, image: &Digest, to: &Output, cancel: &Cancel) -> Result<(), Error> {
    let image = Image::open(store, image)?;
    match to {
        Output::Oci(folder, name) => oci(store, &image, folder, name.as_deref(), cancel),
        Output::DockerArchive(path, name) => docker_archive(store, &image, path, name.as_deref(), cancel),
        Output::Docker(name) => docker(store, &image, name, cancel),
    }
}

struct Image {
    json: Vec<u8>,
    layers: Vec<LayerRecord>,
}

impl Image {
    fn open(store: &Store, id: &Digest) -> Result<Image, Error> {
        let gone = |why: &str| Error::Image {
            reference: id.short().to_owned(),
            why: why.to_owned(),
            help: Some("build it again".to_owned()),
        };
        let json = store
            .config_json(id)?
            .ok_or_else(|| gone("it is not in the store any more"))?;
        let config = ImageConfig::from_json(&json).map_err(|error| gone(&format!("its config is broken: {error}")))?;
        let mut layers = Vec::with_capacity(config.diff_ids.len());
        for diff_id in &config.diff_ids {
            let layer = store
                .layer(diff_id)?
                .ok_or_else(|| gone(&format!("its layer {} is not in the store any more", diff_id.short())))?;
            layers.push(layer.record);
        }
        Ok(Image { json, layers })
    }
}

/// Copies until the end, or until nobody wants it any more.
fn copy(from: &mut dyn Read, to: &mut dyn Write, cancel: &Cancel) -> io::Result<u64> {
    let mut bytes = 0;
    loop {
        if cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        match io::copy(&mut from.take(4 << 20), to)? {
            0 => return Ok(bytes),
            copied => bytes += copied,
        }
    }
}

/// The caller's wish to end comes before what it led to.
fn failed(cancel: &Cancel, action: &'static str, path: &Path, error: io::Error) -> Error {
    match cancel.check() {
        Err(cancelled) => cancelled,
        Ok(()) => Error::io(action, path)(error),
    }
}

// ---- OCI layout

/// Files that were made, taken away unless all goes well.
#[derive(Default)]
struct Made {
    paths: Vec<PathBuf>,
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.paths.iter().rev() {
            if fs::remove_file(path).is_err() {
                let _ = fs::remove_dir(path);
            }
        }
    }
}

fn oci(store: &Store, image: &Image, folder: &Path, name: Option<&str>, cancel: &Cancel) -> Result<(), Error> {
    let mut made = Made::default();
    let blobs = folder.join("blobs").join("sha256");
    for path in [folder, &folder.join("blobs"), &blobs] {
        make_folder(path, &mut made)?;
    }
    let mut descriptors = Vec::with_capacity(image.layers.len());
    for layer in &image.layers {
        descriptors.push(oci_layer(store, layer, &blobs, &mut made, cancel)?);
    }
    let config = blob(&blobs, &image.json, &mut made)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": OCI_CONFIG, "digest": config, "size": image.json.len() },
        "layers": descriptors,
    });
    let manifest = serde_json::to_vec(&manifest).unwrap_or_default();
    let digest = blob(&blobs, &manifest, &mut made)?;
    let layout = folder.join("oci-layout");
    if !layout.exists() {
        fs::write(&layout, br#"{"imageLayoutVersion":"1.0.0"}"#).map_err(Error::io("write", &layout))?;
        made.paths.push(layout);
    }
    let mut entry = json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": manifest.len() });
    if let Ok(config) = ImageConfig::from_json(&image.json)
        && let Some(entry) = entry.as_object_mut()
    {
        let mut platform = json!({ "architecture": config.platform.architecture, "os": config.platform.os });
        if let (Some(variant), Some(platform)) = (config.platform.variant, platform.as_object_mut()) {
            platform.insert("variant".to_owned(), Value::from(variant));
        }
        entry.insert("platform".to_owned(), platform);
        if let Some(name) = name {
            entry.insert("annotations".to_owned(), json!({ NAME: name }));
        }
    }
    // Other images of the layout stay; the one of the same name goes.
    let index_path = folder.join("index.json");
    let mut entries: Vec<Value> = match fs::read(&index_path) {
        Ok(bytes) => serde_json::from_slice::<Value>(&bytes)
            .ok()
            .and_then(|mut index| index.get_mut("manifests").map(Value::take))
            .and_then(|entries| serde_json::from_value(entries).ok())
            .ok_or_else(|| Error::Refused {
                what: format!("the OCI layout {}", folder.display()),
                why: "it has an index.json that is broken; name another folder".to_owned(),
            })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("read", &index_path)(error)),
    };
    let name_of = |entry: &Value| {
        entry
            .pointer("/annotations/org.opencontainers.image.ref.name")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    entries.retain(|other| name_of(other).as_deref() != name);
    entries.push(entry);
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    write_whole(&index_path, &serde_json::to_vec(&index).unwrap_or_default())?;
    made.paths.clear();
    Ok(())
}

fn make_folder(path: &Path, made: &mut Made) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(Error::io("create", path))?;
    made.paths.push(path.to_owned());
    Ok(())
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = part_of(path);
    let outcome = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    outcome.map_err(|error| {
        let _ = fs::remove_file(&part);
        Error::io("write", path)(error)
    })
}

/// A name beside another, for what is not whole yet.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".mbopt-{}", std::process::id()));
    path.with_file_name(name)
}

/// Writes a small blob; gives its digest.
fn blob(blobs: &Path, bytes: &[u8], made: &mut Made) -> Result<Digest, Error> {
    let digest = digest_of(bytes);
    let path = blobs.join(digest.hex());
    if !path.exists() {
        write_whole(&path, bytes)?;
        made.paths.push(path);
    }
    Ok(digest)
}

/// Writes a layer; gives its descriptor.
fn oci_layer(
    store: &Store,
    layer: &LayerRecord,
    blobs: &Path,
    made: &mut Made,
    cancel: &Cancel,
) -> Result<Value, Error> {
    let part = blobs.join(format!("layer.mbopt-{}", std::process::id()));
    made.paths.push(part.clone());
    let file = File::create(&part).map_err(Error::io("create", &part))?;
    let mut to = HashWrite::new(BufWriter::with_capacity(1 << 20, file));
    // A registry's stream goes out as it came; the store's own is for the store.
    let kept = layer
        .blob
        .as_ref()
        .and_then(|blob| blob.media_type.as_deref().map(|kind| (blob, kind)));
    let media_type = match kept {
        Some((blob, kind)) => {
            let path = store.blob_path(&blob.digest);
            let mut from = HashRead::new(File::open(&path).map_err(Error::io("open", &path))?);
            copy(&mut from, &mut to, cancel).map_err(|error| failed(cancel, "copy", &path, error))?;
            let (got, _) = from.finish();
            if got != blob.digest {
                let _ = fs::remove_file(&path);
                return Err(Error::Refused {
                    what: format!("the layer {} in the store", layer.diff_id.short()),
                    why: format!("it was changed: its digest is {got}, not {}; build again", blob.digest),
                });
            }
            let suffix = if kind.ends_with("zstd") {
                "+zstd"
            } else if kind.ends_with("gzip") {
                "+gzip"
            } else {
                ""
            };
            format!("{OCI_LAYER}{suffix}")
        }
        None => {
            let mut from = stream(store, layer)?;
            gzip(&mut from, &mut to, cancel).map_err(|error| failed(cancel, "compress into", &part, error))?;
            format!("{OCI_LAYER}+gzip")
        }
    };
    to.flush().map_err(Error::io("write", &part))?;
    let (digest, size, _) = to.finish();
    let path = blobs.join(digest.hex());
    let is_new = !path.exists();
    fs::rename(&part, &path).map_err(Error::io("write", &path))?;
    made.paths.pop();
    if is_new {
        made.paths.push(path);
    }
    Ok(json!({ "mediaType": media_type, "digest": digest, "size": size }))
}

fn stream(store: &Store, layer: &LayerRecord) -> Result<super::store::LayerStream, Error> {
    store.tar(&layer.diff_id)?.ok_or_else(|| Error::Image {
        reference: layer.diff_id.short().to_owned(),
        why: "this layer is not in the store any more".to_owned(),
        help: Some("build again".to_owned()),
    })
}

// ---- docker save

fn docker_archive(store: &Store, image: &Image, path: &Path, name: Option<&str>, cancel: &Cancel) -> Result<(), Error> {
    let part = part_of(path);
    let outcome = (|| {
        let file = File::create(&part).map_err(Error::io("create", &part))?;
        let mut to = BufWriter::with_capacity(1 << 20, file);
        write_archive(store, image, name, &mut to, cancel)
            .and_then(|()| to.flush().map_err(Stopped::Io))
            .map_err(|stopped| stopped.of(cancel, path))?;
        fs::rename(&part, path).map_err(Error::io("write", path))
    })();
    if outcome.is_err() {
        let _ = fs::remove_file(&part);
    }
    outcome
}

enum Stopped {
    Io(io::Error),
    Other(Error),
}

impl Stopped {
    fn of(self, cancel: &Cancel, path: &Path) -> Error {
        match self {
            Stopped::Io(error) => failed(cancel, "write", path, error),
            Stopped::Other(error) => error,
        }
    }
}

/// The archive that `docker load` and `podman load` take: plain layers, which their images' ids are
/// made of anyway.
fn write_archive(
    store: &Store,
    image: &Image,
    name: Option<&str>,
    to: &mut dyn Write,
    cancel: &Cancel,
) -> Result<(), Stopped> {
    let tag = match name {
        Some(name) => Some(
            Reference::parse(name)
                .map_err(|error| {
                    Stopped::Other(Error::Image {
                        reference: name.to_owned(),
                        why: error.to_string(),
                        help: None,
                    })
                })?
                .familiar(),
        ),
        None => None,
    };
    let mut written = HashSet::new();
    let mut layers = Vec::with_capacity(image.layers.len());
    for layer in &image.layers {
        let name = format!("{}/layer.tar", layer.diff_id.hex());
        layers.push(name.clone());
        if !written.insert(&layer.diff_id) {
            continue;
        }
        entry(to, &format!("{}/", layer.diff_id.hex()), EntryType::Directory, 0).map_err(Stopped::Io)?;
        entry(to, &name, EntryType::Regular, layer.tar_bytes).map_err(Stopped::Io)?;
        let mut from = stream(store, layer).map_err(Stopped::Other)?;
        let bytes = copy(&mut from, to, cancel).map_err(Stopped::Io)?;
        if bytes != layer.tar_bytes {
            return Err(Stopped::Io(io::Error::other(
                "a layer's length is not what the store says",
            )));
        }
        pad(to, bytes).map_err(Stopped::Io)?;
    }
    let config = format!("{}.json", digest_of(&image.json).hex());
    let manifest = json!([{
        "Config": config,
        "RepoTags": tag.map(|tag| vec![tag]),
        "Layers": layers,
    }]);
    for (name, bytes) in [
        (config.as_str(), image.json.clone()),
        ("manifest.json", serde_json::to_vec(&manifest).unwrap_or_default()),
    ] {
        entry(to, name, EntryType::Regular, bytes.len() as u64)
            .and_then(|()| to.write_all(&bytes))
            .and_then(|()| pad(to, bytes.len() as u64))
            .map_err(Stopped::Io)?;
    }
    to.write_all(&[0; 1024]).map_err(Stopped::Io)
}

fn entry(to: &mut dyn Write, name: &str, kind: EntryType, size: u64) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    to.write_all(header.as_bytes())
}

fn pad(to: &mut dyn Write, size: u64) -> io::Result<()> {
    let padding = usize::try_from((512 - size % 512) % 512).unwrap_or(0);
    to.write_all([0; 512].get(..padding).unwrap_or_default())
}

// ---- docker load

fn docker(store: &Store, image: &Image, name: &str, cancel: &Cancel) -> Result<(), Error> {
    let mut child = Command::new("docker")
        .arg("load")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Error::Unavailable {
            engine: EngineName::Docker,
            why: format!("the `docker` program cannot be started: {error}"),
            help: "install Docker's command line, or write the image to docker-archive:FILE".to_owned(),
        })?;
    let written = match child.stdin.take() {
        Some(stdin) => {
            let mut to = BufWriter::with_capacity(1 << 20, stdin);
            write_archive(store, image, Some(name), &mut to, cancel).and_then(|()| to.flush().map_err(Stopped::Io))
        }
        None => Err(Stopped::Io(io::ErrorKind::BrokenPipe.into())),
    };
    if written.is_err() && cancel.is_cancelled() {
        let _ = child.kill();
    }
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if cancel.wait(Duration::from_millis(20)) => {
                let _ = child.kill();
            }
            Ok(None) => {}
            Err(error) => return Err(Error::io("wait for", "docker load")(error)),
        }
    };
    cancel.check()?;
    // What docker says is the better explanation of a pipe that broke.
    if !status.success() {
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            let _ = stderr.take(2000).read_to_string(&mut said);
        }
        return Err(Error::Program {
            program: "docker load".to_owned(),
            message: said.trim().to_owned(),
        });
    }
    written.map_err(|stopped| stopped.of(cancel, Path::new("docker load")))
}
