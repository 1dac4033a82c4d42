//! Images of registries.
//!
//! Layers are fetched side by side and unpacked one after the other as they arrive. The client runs
//! on one thread of its own runtime; nothing of it outlives a call.

use super::credentials::{self, Credentials};
use super::failure::{self, Failure};
use super::{Progress, Registries, ResolvedImage, blob_of, layer_name, remember, unpack_stored};
use crate::executor::Error;
use crate::executor::cancel::Cancel;
use crate::executor::config::Platform;
use crate::executor::digest::Digest;
use crate::executor::image_file::manifest::{self, Document, Layer};
use crate::executor::image_file::{MAX_JSON, digest_of};
use crate::executor::native::store::Store;
use crate::executor::reference::Reference;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use oci_client::Reference as Address;
use oci_client::client::{BlobResponse, Client, ClientConfig, ClientProtocol, SizedStream};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use sha2::Digest as _;
use std::fs::File;
use std::future::Future;
use std::io::{Seek, Write};
use std::net::IpAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Layers fetched at a time, as Docker does.
const AT_ONCE: usize = 3;
/// Tries of a request whose failure may pass, and the pause before the second one, which doubles.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(400);
/// Without a byte for so long a connection is given up.
const SILENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(15);
/// Indexes in indexes.
const DEPTH: usize = 3;

/// Fetches an image from a registry or one of its mirrors.
pub(super) fn pull(
    name: &Reference,
    platform: &Platform,
    store: &Store,
    registries: &Registries,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<ResolvedImage, Error> {
    let mirrors = registries
        .mirrors
        .iter()
        .filter(|(registry, _)| *registry == name.registry)
        .flat_map(|(_, mirrors)| mirrors);
    for mirror in mirrors {
        let (host, prefix) = mirror.split_once('/').unwrap_or((mirror, ""));
        let repository = match prefix.trim_matches('/') {
            "" => name.repository.clone(),
            prefix => format!("{prefix}/{}", name.repository),
        };
        match pull_from(host, &repository, name, platform, store, registries, progress, cancel) {
            Err(error @ Error::Image { .. }) => progress.warn(&format!(
                "the mirror {mirror} of {} is passed over: {error}",
                name.registry
            )),
            other => return other,
        }
    }
    pull_from(
        &name.registry,
        &name.repository,
        name,
        platform,
        store,
        registries,
        progress,
        cancel,
    )
}

#[allow(clippy::too_many_arguments)]
fn pull_from(
    host: &str,
    repository: &str,
    name: &Reference,
    platform: &Platform,
    store: &Store,
    registries: &Registries,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<ResolvedImage, Error> {
    let reference = name.familiar();
    let client = Connection::new(host, repository, name, registries, cancel).map_err(|f| f.of(&reference))?;
    let refused = |why: String| Error::Refused {
        what: format!("the image {reference}"),
        why,
    };
    let what = match (&name.digest, &name.tag) {
        (Some(digest), _) => format!("{repository}@{}", digest.short()),
        (None, Some(tag)) => format!("{repository}:{tag}"),
        (None, None) => repository.to_owned(),
    };
    // An index leads to a manifest, the manifest to config and layers.
    let (json, digest) = client.run(&reference, client.manifest(name.digest.as_ref(), &what))?;
    let mut document = manifest::parse(&json).map_err(refused)?;
    for _ in 0..DEPTH {
        let Document::Index(entries) = &document else { break };
        let entry = manifest::choose(entries, platform).map_err(|why| Error::Image {
            reference: reference.clone(),
            why,
            help: Some("choose another platform with --platform, or another image".to_owned()),
        })?;
        let what = format!("{repository}'s manifest {}", entry.digest.short());
        let (json, _) = client.run(&reference, client.manifest(Some(&entry.digest), &what))?;
        document = manifest::parse(&json).map_err(refused)?;
    }
    let Document::Image { config, layers } = document else {
        return Err(refused(format!("its indexes point to indexes more than {DEPTH} times")));
    };
    if config.size > MAX_JSON {
        return Err(refused(format!("its config has {} bytes", config.size)));
    }
    let config_json = match store.config_json(&config.digest)? {
        Some(json) => json,
        None => client.run(&reference, client.small(&config.digest, config.size))?,
    };
    let config = manifest::config(&config_json, layers.len()).map_err(refused)?;
    fetch(&client, &reference, &layers, &config.diff_ids, store, progress, cancel)?;
    remember(name, platform, store, digest, &config_json, config, &layers)
}

/// Gets the layers into the store.
fn fetch(
    client: &Connection,
    reference: &str,
    layers: &[Layer],
    diff_ids: &[Digest],
    store: &Store,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<(), Error> {
    let mut missing = Vec::new();
    for (index, (layer, diff_id)) in layers.iter().zip(diff_ids).enumerate() {
        if store.layer(diff_id)?.is_none() && !missing.iter().any(|(_, _, other)| *other == diff_id) {
            missing.push((index, layer, diff_id));
        }
    }
    // Ended as soon as one layer fails.
    let stop = cancel.child();
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        let list: Vec<&Layer> = missing.iter().map(|(_, layer, _)| *layer).collect();
        let stop_fetching = stop.clone();
        thread::Builder::new()
            .name("fetch".into())
            .spawn_scoped(scope, move || {
                let outcome = client.run(reference, client.blobs(&list, store, progress, &send, &stop_fetching));
                if let Err(error) = outcome {
                    let _ = send.send(Err(error));
                }
            })
            .map_err(Error::io("start a thread for", store.root()))?;
        let mut outcome = Ok(());
        for arrived in receive {
            let one = arrived.and_then(|at| {
                let Some((index, layer, diff_id)) = missing.get(at) else {
                    return Ok(());
                };
                let what = layer_name(*index, reference);
                progress.tell(&format!("{} unpacks", layer.digest.short()), 0, layer.size);
                match unpack_stored(store, &what, diff_id, &blob_of(layer), cancel)? {
                    Some(()) => {
                        progress.tell(&format!("{} unpacks", layer.digest.short()), layer.size, layer.size);
                        Ok(())
                    }
                    None => Err(Failure::new(format!("{what} vanished from the store"), None).of(reference)),
                }
            });
            if one.is_err() && outcome.is_ok() {
                outcome = one;
                stop.cancel();
            }
        }
        outcome
    })
}

/// One registry's repository.
struct Connection {
    host: String,
    address: Address,
    auth: RegistryAuth,
    had: bool,
    /// Why there are no credentials though there should be.
    unusable: Option<String>,
    client: Client,
    runtime: tokio::runtime::Runtime,
    cancel: Cancel,
}

impl Connection {
    fn new(
        host: &str,
        repository: &str,
        name: &Reference,
        registries: &Registries,
        cancel: &Cancel,
    ) -> Result<Connection, Failure> {
        let plain = is_here(host) || registries.plain_http.iter().any(|other| other == host);
        let (auth, had, unusable) = match credentials::of(host) {
            // A repository's own settings must not be able to make us shout a password.
            Credentials::Known(_) if plain && !is_here(host) => (
                RegistryAuth::Anonymous,
                false,
                Some("there are some, but they are not sent over plain HTTP".to_owned()),
            ),
            Credentials::Known(auth) => (auth, true, None),
            Credentials::None => (RegistryAuth::Anonymous, false, None),
            Credentials::Unusable(why) => (RegistryAuth::Anonymous, false, Some(why)),
        };
        // A second one changes nothing, and is no failure.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: match plain {
                true => ClientProtocol::HttpsExcept(vec![host.to_owned()]),
                false => ClientProtocol::Https,
            },
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENCE),
            user_agent: concat!("mbopt/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config)
            .map_err(|error| Failure::new(format!("no connection can be prepared: {error}"), None))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("no connection can be prepared: {error}"), None))?;
        let address = match &name.digest {
            Some(digest) => Address::with_digest(host.to_owned(), repository.to_owned(), digest.to_string()),
            None => Address::with_tag(
                host.to_owned(),
                repository.to_owned(),
                name.tag.clone().unwrap_or_else(|| "latest".to_owned()),
            ),
        };
        Ok(Connection {
            host: host.to_owned(),
            address,
            auth,
            had,
            unusable,
            client,
            runtime,
            cancel: cancel.clone(),
        })
    }

    /// Runs to the end, or until the caller does not want it any more.
    fn run<T>(&self, reference: &str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Error> {
        let work = async {
            let asked = async {
                while !self.cancel.is_cancelled() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let (work, asked) = (std::pin::pin!(work), std::pin::pin!(asked));
            match futures_util::future::select(work, asked).await {
                futures_util::future::Either::Left((done, _)) => done.map_err(|mut failure| {
                    if let Some(unusable) = self.unusable.as_ref().filter(|_| failure.access) {
                        failure.why = format!("{}; {unusable}", failure.why);
                    }
                    failure.of(reference)
                }),
                futures_util::future::Either::Right(_) => Err(Error::Cancelled),
            }
        };
        // The client takes headers apart without being afraid of them.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.runtime.block_on(work))).unwrap_or_else(|_| {
            Err(Failure::new(format!("{} does not answer as a registry does", self.host), None).of(reference))
        })
    }

    /// A manifest or an index, by digest or by the name's tag; checked.
    async fn manifest(&self, digest: Option<&Digest>, what: &str) -> Result<(Vec<u8>, Digest), Failure> {
        let address = match digest {
            Some(digest) => self.address.clone_with_digest(digest.to_string()),
            None => self.address.clone(),
        };
        let (json, _) = self
            .again(what, async || {
                self.client
                    .pull_manifest_raw(&address, &self.auth, manifest::ACCEPTED)
                    .await
            })
            .await?;
        let got = digest_of(&json);
        if let Some(wanted) = digest.filter(|wanted| **wanted != got) {
            return Err(failure::wrong_digest(&self.host, what, got.as_str(), wanted.as_str()));
        }
        Ok((json.to_vec(), got))
    }

    async fn again<T>(
        &self,
        what: &str,
        mut ask: impl AsyncFnMut() -> Result<T, oci_client::errors::OciDistributionError>,
    ) -> Result<T, Failure> {
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let failure = failure::read(&self.host, what, self.had, &error);
                    if !failure.again || tries >= TRIES {
                        return Err(failure);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            tries += 1;
        }
    }

    /// A blob that is small enough for memory; checked.
    async fn small(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, Failure> {
        let what = format!("the blob {}", digest.short());
        let descriptor = descriptor(digest, size);
        let bytes = self
            .again(&what, async || {
                let mut stream = self.client.pull_blob_stream(&self.address, &descriptor).await?;
                let mut bytes = Vec::new();
                while let Some(piece) = stream.stream.next().await {
                    bytes.extend_from_slice(&piece?);
                    if bytes.len() as u64 > size {
                        break;
                    }
                }
                Ok(bytes)
            })
            .await?;
        let got = digest_of(&bytes);
        if got != *digest {
            return Err(failure::wrong_digest(&self.host, &what, got.as_str(), digest.as_str()));
        }
        Ok(bytes)
    }

    /// Fetches blobs into the store, some at a time, and tells which are there.
    async fn blobs(
        &self,
        list: &[&Layer],
        store: &Store,
        progress: Progress<'_>,
        send: &mpsc::Sender<Result<usize, Error>>,
        stop: &Cancel,
    ) -> Result<(), Failure> {
        let mut waiting = list.iter().enumerate();
        let mut running = FuturesUnordered::new();
        let one = async |at: usize, layer: &Layer| -> Result<usize, Failure> {
            self.blob(layer, store, progress).await.map(|()| at)
        };
        for (at, layer) in waiting.by_ref().take(AT_ONCE) {
            running.push(one(at, layer));
        }
        while let Some(done) = running.next().await {
            if stop.is_cancelled() || send.send(Ok(done?)).is_err() {
                break;
            }
            if let Some((at, layer)) = waiting.next() {
                running.push(one(at, layer));
            }
        }
        Ok(())
    }

    /// One blob. What a broken connection left is gone on with.
    async fn blob(&self, layer: &Layer, store: &Store, progress: Progress<'_>) -> Result<(), Failure> {
        let what = format!("the layer {}", layer.digest.short());
        let disk = |error: std::io::Error| {
            let help = (error.kind() == std::io::ErrorKind::StorageFull)
                .then_some("the disk is full: make room, for example with `mbopt cache prune`");
            Failure::new(format!("{what} cannot be written: {error}"), help)
        };
        let into = store.blob_path(&layer.digest);
        if std::fs::metadata(&into).is_ok_and(|meta| meta.len() == layer.size) {
            return Ok(());
        }
        let scratch = store
            .scratch()
            .map_err(|error| Failure::new(error.to_string(), error.help()))?;
        let path = scratch.path().join("blob");
        let mut file = File::create(&path).map_err(disk)?;
        let mut hash = sha2::Sha256::new();
        let mut bytes = 0u64;
        let mut pause = PAUSE;
        let mut tries = 1;
        let descriptor = descriptor(&layer.digest, layer.size);
        let shown = layer.digest.short();
        while bytes < layer.size {
            let before = bytes;
            let failure = match self
                .client
                .pull_blob_stream_partial(&self.address, &descriptor, bytes, None)
                .await
            {
                Ok(response) => {
                    let mut stream: SizedStream = match response {
                        BlobResponse::Partial(stream) => stream,
                        BlobResponse::Full(stream) => {
                            file.set_len(0).and_then(|()| file.rewind()).map_err(disk)?;
                            hash = sha2::Sha256::new();
                            bytes = 0;
                            stream
                        }
                    };
                    loop {
                        match stream.stream.next().await {
                            None => break None,
                            Some(Ok(piece)) => {
                                bytes += piece.len() as u64;
                                if bytes > layer.size {
                                    return Err(Failure::new(
                                        format!("{} sends more than the {} bytes of {what}", self.host, layer.size),
                                        None,
                                    ));
                                }
                                hash.update(&piece);
                                file.write_all(&piece).map_err(disk)?;
                                progress.tell(shown, bytes, layer.size);
                            }
                            Some(Err(error)) => break Some(failure::network(&self.host, &error)),
                        }
                    }
                }
                Err(error) => Some(failure::read(&self.host, &what, self.had, &error)),
            };
            if bytes >= layer.size {
                break;
            }
            let failure = failure.unwrap_or_else(|| {
                let mut cut = Failure::new(
                    format!("{} ended {what} after {bytes} of {} bytes", self.host, layer.size),
                    Some("try again"),
                );
                cut.again = true;
                cut
            });
            if bytes > before {
                // It goes on, if slowly.
                tries = 1;
                pause = PAUSE;
            }
            if !failure.again || tries >= TRIES {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            tries += 1;
        }
        drop(file);
        let got = Digest::from_bytes(&hash.finalize().into());
        if got != layer.digest {
            return Err(failure::wrong_digest(
                &self.host,
                &what,
                got.as_str(),
                layer.digest.as_str(),
            ));
        }
        std::fs::rename(&path, &into).map_err(disk)
    }
}

fn descriptor(digest: &Digest, size: u64) -> OciDescriptor {
    OciDescriptor {
        digest: digest.to_string(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    }
}

/// Whether a host is this machine, which Docker also talks to without TLS.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_be_plain_unasked() {
        for here in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.9.9.9",
            "[::1]:5000",
        ] {
            assert!(is_here(here), "{here}");
        }
        for away in ["registry.example:5000", "localhost.example", "128.0.0.1", "[::2]:80"] {
            assert!(!is_here(away), "{away}");
        }
    }
}
