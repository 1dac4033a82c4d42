//! Pulls from real registries, which `.ci/registry/run` starts: open, and behind tokens; by a mirror,
//! through a connection that breaks, and what is said where an image cannot be had.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::executor::native::source::{Progress, Registries, ResolvedImage, Source, resolve};
use mbopt::executor::native::store::{Options, Store, digest_of};
use mbopt::executor::{Cancel, Digest, Error, Event, Platform};
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

struct Setup {
    open: String,
    storage: PathBuf,
    guarded_port: String,
    password: String,
}

fn setup() -> Option<Setup> {
    let get = |name: &str| std::env::var(name).ok();
    let setup = (|| {
        Some(Setup {
            open: get("MBOPT_REGISTRY")?,
            storage: PathBuf::from(get("MBOPT_REGISTRY_STORAGE")?),
            guarded_port: get("MBOPT_REGISTRY_GUARDED_PORT")?,
            password: get("MBOPT_REGISTRY_PASSWORD")?,
        })
    })();
    if setup.is_none() {
        println!("skipped: no registry; .ci/registry/run starts some");
    }
    setup
}

/// Pushes an image of some layers; gives its manifest's digest and its layers' digests.
fn push(setup: &Setup, name: &str, layers: &[Vec<u8>]) -> (Digest, Vec<Digest>) {
    let platform = Platform::host();
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| digest_of(layer)).collect();
    let config = json!({
        "os": platform.os, "architecture": platform.architecture, "config": { "Cmd": ["/hello"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let blobs: Vec<Vec<u8>> = layers
        .iter()
        .map(|layer| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(layer).unwrap();
            gzip.finish().unwrap()
        })
        .collect();
    let digests = blobs.iter().map(|blob| digest_of(blob)).collect();
    let images: Vec<ImageLayer> = blobs
        .into_iter()
        .map(|blob| ImageLayer::oci_v1_gzip(blob, None))
        .collect();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let reference: oci_client::Reference = format!("{}/{name}", setup.open).parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = Config::oci_v1(serde_json::to_vec(&config).unwrap(), None);
        client
            .push(&reference, &images, config, &RegistryAuth::Anonymous, None)
            .await
            .unwrap();
        let digest = client
            .fetch_manifest_digest(&reference, &RegistryAuth::Anonymous)
            .await
            .unwrap();
        (digest.parse().unwrap(), digests)
    })
}

fn layer(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::at(folder.path())).unwrap();
    (folder, store)
}

fn pull(store: &Store, name: &str, registries: &Registries) -> (Result<ResolvedImage, Error>, Vec<String>) {
    let warnings = Mutex::new(Vec::new());
    let sink = |event: Event<'_>| {
        if let Event::Warning { message } = event {
            warnings.lock().unwrap().push(message.to_owned());
        }
    };
    let progress = Progress { sink: &sink, vertex: 0 };
    let source = Source::parse(name).unwrap();
    let got = resolve(&source, &Platform::host(), store, registries, progress, &Cancel::new());
    (got, warnings.into_inner().unwrap())
}

#[test]
fn an_image_is_pulled_and_kept() {
    let Some(setup) = setup() else { return };
    let layers = [
        layer(&[("a", b"one"), ("hello", b"x")]),
        layer(&[(".wh.a", b"")]),
        layer(&[("big", &noise(5, 3_000_000))]),
    ];
    let (digest, _) = push(&setup, "test/kept:1", &layers);
    let (_keep, store) = self::store();
    let name = format!("{}/test/kept:1", setup.open);
    let image = pull(&store, &name, &Registries::default()).0.unwrap();
    assert_eq!(image.digest, digest);
    assert_eq!(image.layers, layers.iter().map(|l| digest_of(l)).collect::<Vec<_>>());
    assert_eq!(image.config.cmd.as_deref(), Some(&["/hello".to_owned()][..]));
    let top = store.layer(&image.layers[0]).unwrap().unwrap();
    assert_eq!(std::fs::read(top.path.join("a")).unwrap(), b"one");
    assert!(top.record.compressed_bytes.is_some());

    // By digest, into another store.
    let (_keep2, other) = self::store();
    let by_digest = format!("{}/test/kept@{digest}", setup.open);
    assert_eq!(pull(&other, &by_digest, &Registries::default()).0.unwrap().id, image.id);
    // A new image under the same name is seen only by who asks for it.
    let (newer, _) = push(&setup, "test/kept:1", &layers[..1]);
    assert_eq!(pull(&store, &name, &Registries::default()).0.unwrap().digest, digest);
    let fresh = Registries {
        pull: true,
        ..Registries::default()
    };
    assert_eq!(pull(&store, &name, &fresh).0.unwrap().digest, newer);
}

#[test]
fn mirrors_are_asked_first() {
    let Some(setup) = setup() else { return };
    push(&setup, "cache/team/app:2", &[layer(&[("m", b"mirrored")])]);
    let (_keep, store) = self::store();
    let registries = Registries {
        mirrors: vec![(
            "registry.invalid".into(),
            vec!["127.0.0.1:9".into(), format!("{}/cache", setup.open)],
        )],
        ..Registries::default()
    };
    let (image, warnings) = pull(&store, "registry.invalid/team/app:2", &registries);
    assert_eq!(image.unwrap().layers.len(), 1);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("127.0.0.1:9"), "{warnings:?}");
    // What a mirror does not have is asked of the registry itself, which is not there.
    let error = pull(&store, "registry.invalid/team/other:1", &registries)
        .0
        .unwrap_err();
    assert!(
        error.to_string().contains("registry.invalid cannot be reached"),
        "{error}"
    );
}

#[test]
fn tokens_are_fetched_with_the_credentials_that_docker_has() {
    let Some(setup) = setup() else { return };
    push(&setup, "test/guarded:1", &[layer(&[("g", b"guarded")])]);
    let port = &setup.guarded_port;
    let mut said = Vec::new();
    let mut ask = |host: &str| {
        let (_keep, store) = self::store();
        let (image, warnings) = pull(&store, &format!("{host}:{port}/test/guarded:1"), &Registries::default());
        said.extend(warnings);
        image.map(|image| image.layers.len()).map_err(|error| {
            said.push(format!("{error} {error:?} {:?}", error.help()));
            (error.to_string(), error.help().unwrap_or_default().to_owned())
        })
    };
    assert_eq!(ask("127.0.0.1"), Ok(1), "from the config");
    assert_eq!(ask("127.0.0.3"), Ok(1), "from a helper");
    let (why, help) = ask("localhost").unwrap_err();
    assert!(why.contains("does not accept the credentials"), "{why}");
    assert!(help.contains("docker login localhost"), "{help}");
    let (why, _) = ask("127.0.0.2").unwrap_err();
    assert!(why.contains("wants credentials"), "{why}");
    let (why, _) = ask("127.0.0.4").unwrap_err();
    assert!(why.contains("docker-credential-ci-broken failed"), "{why}");
    for text in said {
        assert!(!text.contains(&setup.password), "a password is in: {text}");
    }
}

#[test]
fn what_cannot_be_had_is_said_clearly() {
    let Some(setup) = setup() else { return };
    let (_keep, store) = self::store();
    let none = Registries::default();
    let error = |name: &str| {
        let error = pull(&store, name, &none).0.unwrap_err();
        assert!(matches!(error, Error::Image { .. }), "{error:?}");
        assert!(error.help().is_some(), "{error}");
        error.to_string()
    };
    let text = error(&format!("{}/test/nobody:1", setup.open));
    assert!(text.contains("does not have test/nobody:1"), "{text}");
    push(&setup, "test/tagged:1", &[layer(&[("t", b"t")])]);
    let text = error(&format!("{}/test/tagged:9", setup.open));
    assert!(text.contains("does not have test/tagged:9"), "{text}");
    let text = error("127.0.0.1:9/test/nothing:1");
    assert!(text.contains("127.0.0.1:9 cannot be reached"), "{text}");

    // Somebody changes a layer in the registry's storage.
    let (_, blobs) = push(&setup, "test/changed:1", &[layer(&[("c", &noise(9, 5000))])]);
    let hex = blobs[0].hex();
    let data = setup
        .storage
        .join("docker/registry/v2/blobs/sha256")
        .join(&hex[..2])
        .join(hex)
        .join("data");
    let mut bytes = std::fs::read(&data).unwrap();
    bytes[2000] ^= 1;
    std::fs::write(&data, bytes).unwrap();
    let text = error(&format!("{}/test/changed:1", setup.open));
    assert!(text.contains("with the digest") && text.contains("damaged"), "{text}");
    assert!(!store.blob_path(&blobs[0]).exists());
    // And a manifest.
    let (digest, _) = push(&setup, "test/forged:1", &[layer(&[("f", b"f")])]);
    let hex = digest.hex();
    let data = setup
        .storage
        .join("docker/registry/v2/blobs/sha256")
        .join(&hex[..2])
        .join(hex)
        .join("data");
    let forged = String::from_utf8(std::fs::read(&data).unwrap())
        .unwrap()
        .replace("\"size\":", "\"size\": ");
    std::fs::write(&data, forged).unwrap();
    let text = error(&format!("{}/test/forged@{digest}", setup.open));
    assert!(text.contains("forged"), "{text}");
}

#[test]
fn a_connection_that_breaks_is_gone_on_with() {
    let Some(setup) = setup() else { return };
    let content = noise(11, 8_000_000);
    push(&setup, "test/flaky:1", &[layer(&[("big", &content)])]);
    // A proxy that ends connections after a while; the first ones sooner.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let target = setup.open.clone();
    let large = std::sync::Arc::new(AtomicUsize::new(0));
    let seen = large.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&target).unwrap();
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Write);
            });
            let large = seen.clone();
            thread::spawn(move || {
                let (mut server, mut client) = (server, client);
                let mut buffer = [0; 16 * 1024];
                let mut passed = 0;
                while let Ok(read @ 1..) = server.read(&mut buffer) {
                    if client.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                    passed += read;
                    if passed > 2_000_000 && large.fetch_add(1, Ordering::Relaxed) < 3 {
                        break;
                    }
                }
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
            });
        }
    });
    let (_keep, store) = self::store();
    let image = pull(&store, &format!("{address}/test/flaky:1"), &Registries::default())
        .0
        .unwrap();
    let layer = store.layer(&image.layers[0]).unwrap().unwrap();
    assert!(std::fs::read(layer.path.join("big")).unwrap() == content);
    assert!(large.load(Ordering::Relaxed) >= 3, "it was cut off");
}
